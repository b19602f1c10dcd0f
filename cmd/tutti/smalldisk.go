package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// smallDisk is a directory with a file system of its own.
type smallDisk struct{ dir string }

// newSmallDisk mounts one in memory of so many bytes. The error is fs.ErrPermission without the right to.
func newSmallDisk(bytes int64) (*smallDisk, error) {
	dir, err := temporaryData()
	if err != nil {
		return nil, err
	}
	if err := mountMemory(dir, bytes); err != nil {
		return nil, errors.Join(fmt.Errorf("mount a file system at %s: %w", dir, err), os.Remove(dir))
	}
	return &smallDisk{dir}, nil
}

// data is where a node's data may be.
func (d *smallDisk) data() string { return filepath.Join(d.dir, "data") }

// remove unmounts it, with all that is in it.
func (d *smallDisk) remove(context.Context) error {
	if err := unmount(d.dir); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return os.Remove(d.dir)
}
