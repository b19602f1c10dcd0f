package soak

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
)

// What became of a command, as its client was told.
const (
	acked    = iota // at the revision
	rejected        // and so without any effect
	unknown         // its connection went before there was an answer
)

// answer is what became of one command.
type answer struct {
	conn     uint32
	id       uint64
	revision uint32
	fact     uint32 // factSum of the event that the command causes
	outcome  uint8
}

// shown is a state that a client was shown.
type shown struct {
	revision uint32
	conn     uint32
	sum      uint64
}

// Entries of a notebook. Each is its kind, then unsigned varints unless said otherwise.
const (
	entryMember = 'm' // conn, length, member
	entryAnswer = 'a' // conn, id, outcome, revision; fact in 4 bytes
	entryState  = 's' // conn, revision; sum in 8 bytes
	entryEvents = 'e' // conn, first revision, count; the eventSum of each in 4 bytes
	entryCall   = 'k' // outcome, revision; fact in 4 bytes
	entryEnd    = 'z' // revision of the last event, as a client saw it once all was quiet
)

// notebook is a file with what clients of one entity were told, in some 10 bytes for a command and 4 for an
// event of a viewer. It is safe for concurrent use.
type notebook struct {
	mu  sync.Mutex
	f   *os.File
	w   *bufio.Writer
	buf []byte
	err error // the first
}

const notebookBuffer = 8 << 10

func openNotebook(dir, entity string) (*notebook, error) {
	f, err := os.Create(filepath.Join(dir, url.QueryEscape(entity)))
	if err != nil {
		return nil, fmt.Errorf("note what is told of %s: %w", entity, err)
	}
	return &notebook{f: f, w: bufio.NewWriterSize(f, notebookBuffer)}, nil
}

// put writes the entry that fill appends.
func (n *notebook) put(fill func(b []byte) []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.buf = fill(n.buf[:0])
	if _, err := n.w.Write(n.buf); err != nil && n.err == nil {
		n.err = err
	}
}

func uvarints(b []byte, all ...uint64) []byte {
	for _, v := range all {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func (n *notebook) member(conn uint32, member string) {
	n.put(func(b []byte) []byte {
		return append(uvarints(append(b, entryMember), uint64(conn), uint64(len(member))), member...)
	})
}

func (n *notebook) answer(a answer) {
	n.put(func(b []byte) []byte {
		b = uvarints(append(b, entryAnswer), uint64(a.conn), a.id, uint64(a.outcome), uint64(a.revision))
		return binary.LittleEndian.AppendUint32(b, a.fact)
	})
}

func (n *notebook) call(k call) {
	n.put(func(b []byte) []byte {
		b = uvarints(append(b, entryCall), uint64(k.outcome), uint64(k.revision))
		return binary.LittleEndian.AppendUint32(b, k.fact)
	})
}

func (n *notebook) state(conn uint32, revision uint64, data []byte) {
	sum := stateSum(data)
	n.put(func(b []byte) []byte {
		return binary.LittleEndian.AppendUint64(uvarints(append(b, entryState), uint64(conn), revision), sum)
	})
}

func (n *notebook) events(conn uint32, first uint64, sums []uint32) {
	if len(sums) == 0 {
		return
	}
	n.put(func(b []byte) []byte {
		b = uvarints(append(b, entryEvents), uint64(conn), first, uint64(len(sums)))
		for _, s := range sums {
			b = binary.LittleEndian.AppendUint32(b, s)
		}
		return b
	})
}

func (n *notebook) end(revision uint64) {
	n.put(func(b []byte) []byte { return uvarints(append(b, entryEnd), revision) })
}

// close writes what is buffered, and returns the first error of all.
func (n *notebook) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(n.err, n.w.Flush(), n.f.Close())
}
