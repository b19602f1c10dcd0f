package diskjournal

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tutti-rt/tutti/journal"
	"github.com/tutti-rt/tutti/journal/internal/codec"
)

// maxPiece is how much of a snapshot goes into one write. Appends wait for one such write at most.
const maxPiece = 256 << 10

// pieceBytes is how much of a snapshot goes into one write here: a piece always fits a memtable well.
func (j *Journal) pieceBytes() int { return min(maxPiece, j.config.MemTableBytes/8) }

// pieceKey returns the key of a piece: the snapshot's, and then what of it the piece is.
func pieceKey(snapshot []byte, seq, round uint64, number int) []byte {
	k := slices.Grow(slices.Clone(snapshot), 20)
	k = binary.BigEndian.AppendUint64(k, seq)
	k = binary.BigEndian.AppendUint64(k, round)
	return binary.BigEndian.AppendUint32(k, uint32(number))
}

// hasPieces reports whether there are pieces of a snapshot under key, as far as that can be read.
func (j *Journal) hasPieces(key []byte) bool {
	piece, _, err := j.store.last(append(slices.Clone(key), 0), after(key), false)
	return err == nil && piece != nil
}

// savePieces stores the encoded snapshot value under key, in place of old. Each piece is a write of its own, and is
// synced before the next one is begun: what comes from the log meanwhile is synced with it, and never has
// to wait for the whole snapshot. They are seen only once all are there. The caller holds the partition's
// saving.
func (l *Log) savePieces(ctx context.Context, key, value, old []byte, mark journal.Mark) error {
	p := codec.Pieces{Mark: mark, Size: len(value)}
	if before, err := codec.DecodePieces(key, old); err == nil && before.Mark.Seq == mark.Seq {
		p.Round = before.Round + 1
	}
	b := l.j.store.db.NewBatch()
	defer b.Close()
	head, piece := value, l.j.pieceBytes()
	if len(value) > piece {
		n := 0
		for part := range slices.Chunk(value, piece) {
			if err := l.usable(ctx); err != nil {
				return err
			}
			if err := l.fenced(); err != nil {
				return err
			}
			if err := l.j.store.set(pieceKey(key, mark.Seq, p.Round, n), part, pebble.Sync); err != nil {
				return err
			}
			n++
		}
		head = codec.AppendPieces(nil, key, p)
	}
	if err := b.Set(key, head, nil); err != nil {
		return err
	}
	// Whatever is there of snapshots before this one goes, that of one that was not finished too.
	if err := b.DeleteRange(append(slices.Clone(key), 0), pieceKey(key, mark.Seq, p.Round, 0), nil); err != nil {
		return err
	}
	return l.j.store.apply(b, pebble.NoSync)
}

// pieces returns the encoded snapshot that is stored under key in pieces, or pebble.ErrNotFound. One iterator sees all of
// it, whatever is stored meanwhile.
func (j *Journal) pieces(key []byte) (value []byte, err error) {
	var p codec.Pieces
	var at []byte
	n := 0
	err = j.store.scan(key, after(key), func(k []byte, read func() ([]byte, error)) (bool, error) {
		if at != nil && string(k) < string(at) {
			return true, nil // of one that was not finished
		}
		if at != nil && string(k) != string(at) {
			return false, nil
		}
		v, err := read()
		if err != nil {
			return false, err
		}
		switch {
		case at != nil:
			value = append(value, v...)
			n++
		case len(k) != len(key):
			return false, nil
		case !codec.InPieces(v):
			value = append(value, v...) // a small one by now
			return false, nil
		default:
			if p, err = codec.DecodePieces(key, v); err != nil {
				return false, err
			}
			value = make([]byte, 0, min(p.Size, 64<<20))
		}
		at = pieceKey(key, p.Mark.Seq, p.Round, n)
		return len(value) < p.Size, nil
	})
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, pebble.ErrNotFound
	}
	if at != nil && len(value) != p.Size {
		return nil, fmt.Errorf("snapshot: %d bytes of %d are there: %w", len(value), p.Size, journal.ErrCorrupt)
	}
	return value, nil
}
