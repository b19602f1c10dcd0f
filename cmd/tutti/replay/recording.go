package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tutti-rt/tutti/internal/text"
)

// Recording is an editing session in the sequential format of the editing-traces collection. Its
// transactions, applied in order to Start, give End.
type Recording struct {
	Start        string        `json:"startContent"`
	End          string        `json:"endContent"`
	Transactions []Transaction `json:"txns"`
}

// Transaction is what somebody did at once.
type Transaction struct {
	Time    time.Time    `json:"time"`
	Patches text.Patches `json:"patches"`
}

// maxRecording bounds what a recording may take uncompressed.
const maxRecording = 1 << 30

// Read reads a recording from a JSON file, compressed with gzip or not, and checks that it is one:
// that its transactions give its end.
func Read(path string) (*Recording, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		if data, err = gunzip(data); err != nil {
			return nil, fmt.Errorf("read recording %s: %w", path, err)
		}
	}
	r := new(Recording)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read recording %s: %w", path, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("read recording %s: %w", path, err)
	}
	return r, nil
}

func gunzip(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxRecording+1))
	if err == nil && len(plain) > maxRecording {
		err = fmt.Errorf("more than %d bytes", maxRecording)
	}
	return plain, err
}

// check applies the transactions to the start.
func (r *Recording) check() error {
	if len(r.edits()) == 0 {
		return errors.New("no recording: it has no edits")
	}
	t := text.New(r.Start)
	for i, x := range r.Transactions {
		var err error
		if t, err = t.Apply(x.Patches); err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return r.Compare(t.String())
}

// Compare returns a *Difference when got is not the recording's end.
func (r *Recording) Compare(got string) error {
	if d := difference(got, r.End); d != nil {
		return d
	}
	return nil
}

// edits returns what has to be sent: the recording's start, where there is one, and then every transaction that
// changes anything.
func (r *Recording) edits() []Transaction {
	var edits []Transaction
	if r.Start != "" {
		edits = append(edits, Transaction{Patches: text.Patches{{Insert: r.Start}}})
	}
	for _, x := range r.Transactions {
		if len(x.Patches) > 0 {
			edits = append(edits, x)
		}
	}
	return edits
}
