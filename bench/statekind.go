package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// stateKind is a category whose state has places that commands change one at a time, without changing its size.
type stateKind struct {
	size  int  // bytes of the state unless told otherwise
	fixed bool // of that size only
	// setup returns name and data of the commands that make a state of that size.
	setup func(size int) []string
	// change appends name and data of the command to give a place a value from 1 to stateValues.
	change func(dst []byte, at int, value byte) []byte
	// changed reads the data of the event.
	changed func(data []byte) (at int, value byte, ok bool)
	// places returns the places of a state as clients see it.
	places func(state []byte) ([]byte, error)
}

const (
	stateValues = 15
	canvasSide  = 2048
	padPiece    = 48_000 // bytes of one edit when a pad is filled
)

var stateKinds = map[string]stateKind{
	"sheet": {
		size:  4 << 20,
		setup: func(size int) []string { return []string{fmt.Sprintf(`,"name":"lay","data":{"size":%d}`, size)} },
		change: func(dst []byte, at int, value byte) []byte {
			return fmt.Appendf(dst, `,"name":"mark","data":{"at":%d,"value":%d}`, at, value)
		},
		changed: func(data []byte) (int, byte, bool) {
			var n [2]uint64
			ok := numbers(data, n[:])
			return int(n[0]), byte(n[1]), ok
		},
		places: func(state []byte) ([]byte, error) {
			var s struct{ Bytes []byte }
			err := json.Unmarshal(state, &s)
			return s.Bytes, err
		},
	},
	"canvas": {
		size: canvasSide * canvasSide, fixed: true,
		setup: func(int) []string { return []string{`,"name":"ink","data":{"x":0,"y":0,"color":0}`} },
		change: func(dst []byte, at int, value byte) []byte {
			return fmt.Appendf(dst, `,"name":"ink","data":{"x":%d,"y":%d,"color":%d}`, at%canvasSide, at/canvasSide, value)
		},
		changed: func(data []byte) (int, byte, bool) {
			var n [3]uint64
			ok := numbers(data, n[:])
			return int(n[0] + n[1]*canvasSide), byte(n[2]), ok
		},
		places: func(state []byte) ([]byte, error) {
			var s struct{ Cells []byte }
			err := json.Unmarshal(state, &s)
			return s.Cells, err
		},
	},
	"pad": {size: 1 << 20, setup: padSetup, change: padChange, changed: padChanged, places: padPlaces},
}

// padSetup types the text in pieces that fit a command.
func padSetup(size int) []string {
	var edits []string
	for at := 0; at < size; at += padPiece {
		edits = append(edits, fmt.Sprintf(`,"name":"edit","data":{"patches":[[%d,0,"%s"]]}`, at, strings.Repeat("a", min(padPiece, size-at))))
	}
	return edits
}

func padChange(dst []byte, at int, value byte) []byte {
	return fmt.Appendf(dst, `,"name":"edit","data":{"patches":[[%d,1,"%c"]]}`, at, 'a'+value)
}

func padChanged(data []byte) (int, byte, bool) {
	_, rest, _ := bytes.Cut(data, []byte("[["))
	at, rest := digits(rest)
	rest, ok := bytes.CutPrefix(rest, []byte(`,1,"`))
	if !ok || len(rest) == 0 {
		return 0, 0, false
	}
	return int(at), rest[0] - 'a', true
}

func padPlaces(state []byte) ([]byte, error) {
	var s struct{ Text string }
	err := json.Unmarshal(state, &s)
	places := []byte(s.Text)
	for i := range places {
		places[i] -= 'a'
	}
	return places, err
}
