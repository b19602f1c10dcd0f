package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Settings are the faults that there are. The zero value has none.
type Settings struct {
	SyncDelay time.Duration `json:"sync_delay,omitempty"` // how much longer each sync takes, in ns
	// SyncFails has each sync fail, after what was not synced before has been taken out of the file: once a sync has
	// failed, systems may drop what was written from their memory.
	SyncFails bool `json:"sync_fails,omitempty"`
	// Full has each write fail that needs more room than Room has bytes left when it is set.
	Full bool  `json:"full,omitempty"`
	Room int64 `json:"room,omitempty"`
	// Clock is by how much the clock is ahead, in ns.
	Clock time.Duration `json:"clock,omitempty"`
}

// Write stores the settings in a file that Follow reads.
func (s Settings) Write(file string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// every is how often Follow looks.
const every = 10 * time.Millisecond

// Load sets what the file says. There is no fault while there is no file.
func (f *Faults) Load(file string) error {
	_, err := f.load(file, nil)
	return err
}

// load does so unless it says the same as last. It returns what the file says.
func (f *Faults) load(file string, last []byte) ([]byte, error) {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return last, nil
	case err != nil:
		return nil, fmt.Errorf("read faults: %w", err)
	case last != nil && bytes.Equal(data, last):
		return last, nil
	}
	var s Settings
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("faults in %s: %w", file, err)
	}
	f.Set(s)
	return data, nil
}

// Follow is Load as often as the file changes, until ctx is done. It returns an error when the file cannot be read.
func (f *Faults) Follow(ctx context.Context, file string) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last []byte
	for {
		var err error
		if last, err = f.load(file, last); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
