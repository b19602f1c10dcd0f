package wire_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/tutti-rt/tutti/wire"
)

func FuzzDecodeOwned(f *testing.F) {
	f.Add(wire.AppendOwned(wire.AppendOwned(nil, wire.Owned{Pool: "default", Partition: 15, Term: 7, Began: -1}), wire.Owned{}))
	f.Add([]byte{255})
	f.Fuzz(func(t *testing.T, data []byte) {
		var all []wire.Owned
		var again []byte
		for o, err := range wire.DecodeOwned(data) {
			if err != nil {
				if !errors.Is(err, wire.ErrPacked) {
					t.Errorf("DecodeOwned = %v, want ErrPacked", err)
				}
				break
			}
			all = append(all, o)
			again = wire.AppendOwned(again, o)
		}
		var decoded []wire.Owned
		for o, err := range wire.DecodeOwned(again) {
			if err != nil {
				t.Fatal(err)
			}
			decoded = append(decoded, o)
		}
		if !slices.Equal(all, decoded) {
			t.Errorf("%v has become %v", all, decoded)
		}
	})
}
