package cluster

import (
	"bytes"
	"errors"
)

// maxDepth bounds how deep a layout's text goes; layouts themselves need four levels.
const maxDepth = 32

var errTooDeep = errors.New("it is nested too deeply")

// checkDepth refuses text whose reading would take the parser time and memory by the square of its length. What is in quotes and
// comments counts as well: no layout has so much of it there.
func checkDepth(text []byte) error {
	flow := 0
	for line := range bytes.Lines(text) {
		depth := 0
		for i, c := range line {
			switch c {
			case '[', '{':
				flow++
			case ']', '}':
				flow = max(flow-1, 0)
			case '-', '?', ':', '&', '*', '!', '|', '>':
				if i+1 == len(line) || line[i+1] == ' ' || i == 0 || line[i-1] == ' ' {
					depth++
				}
			case ',':
				depth = 0
			}
			if flow > maxDepth || depth > maxDepth {
				return errTooDeep
			}
		}
		if indent := len(line) - len(bytes.TrimLeft(line, " \t")); indent > 8*maxDepth {
			return errTooDeep
		}
	}
	return nil
}
