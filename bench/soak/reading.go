package soak

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// reading reads a notebook. Its functions are called for the entries of their kind, and may be nil.
type reading struct {
	member func(conn uint32, member string)
	answer func(a answer)
	state  func(s shown)
	events func(conn uint32, first uint64, sums []uint32)
	call   func(k call)
	end    func(revision uint64)

	r   *bufio.Reader
	err error
}

// readNotebook reads the file from its beginning.
func readNotebook(path string, r reading) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r.r = bufio.NewReaderSize(f, 64<<10)
	for {
		kind, err := r.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			r.entry(kind)
			err = r.err
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
}

func (r *reading) entry(kind byte) {
	switch kind {
	case entryMember:
		conn := uint32(r.uvarint())
		if name := r.bytes(r.uvarint()); r.member != nil && r.err == nil {
			r.member(conn, string(name))
		}
	case entryAnswer:
		a := answer{conn: uint32(r.uvarint()), id: r.uvarint(), outcome: uint8(r.uvarint()), revision: uint32(r.uvarint())}
		if b := r.bytes(4); r.answer != nil && r.err == nil {
			a.fact = binary.LittleEndian.Uint32(b)
			r.answer(a)
		}
	case entryState:
		s := shown{conn: uint32(r.uvarint()), revision: uint32(r.uvarint())}
		if b := r.bytes(8); r.state != nil && r.err == nil {
			s.sum = binary.LittleEndian.Uint64(b)
			r.state(s)
		}
	case entryEvents:
		conn, first := uint32(r.uvarint()), r.uvarint()
		b := r.bytes(4 * r.uvarint())
		if r.events == nil || r.err != nil {
			return
		}
		sums := make([]uint32, len(b)/4)
		for i := range sums {
			sums[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
		r.events(conn, first, sums)
	case entryCall:
		k := call{outcome: uint8(r.uvarint()), revision: uint32(r.uvarint())}
		if b := r.bytes(4); r.call != nil && r.err == nil {
			k.fact = binary.LittleEndian.Uint32(b)
			r.call(k)
		}
	case entryEnd:
		if rev := r.uvarint(); r.end != nil && r.err == nil {
			r.end(rev)
		}
	default:
		r.err = fmt.Errorf("entry of no kind: %q", kind)
	}
}

func (r *reading) uvarint() uint64 {
	v, err := binary.ReadUvarint(r.r)
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

// maxEntry bounds the bytes of one entry.
const maxEntry = 1 << 20

func (r *reading) bytes(n uint64) []byte {
	if r.err == nil && n > maxEntry {
		r.err = fmt.Errorf("entry of %d bytes", n)
	}
	if r.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, r.err = io.ReadFull(r.r, b)
	return b
}
