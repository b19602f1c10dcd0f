package bench

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
)

// heapOf returns how many bytes in use were allocated below a function whose name has the one part, without
// those below one that has the other, as a profile in text form tells.
func heapOf(profile io.Reader, in, without string) (float64, error) {
	lines := bufio.NewScanner(profile)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return 0, fmt.Errorf("read the heap profile: %w", io.ErrUnexpectedEOF)
	}
	rate, err := sampleRate(lines.Text())
	if err != nil {
		return 0, err
	}
	var sum, bytes float64
	counts, not := false, false
	settle := func() {
		if counts && !not {
			sum += bytes
		}
		counts, not, bytes = false, false, 0
	}
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#\t"):
			counts = counts || strings.Contains(line, in)
			not = not || strings.Contains(line, without)
		case strings.HasPrefix(line, "# "): // what follows is of the whole process
			settle()
			return sum, nil
		default:
			settle()
			var objects, size float64
			if _, err := fmt.Sscanf(line, "%f: %f [", &objects, &size); err == nil && objects > 0 {
				bytes = size / (1 - math.Exp(-size/objects/rate)) // it is a sample
			}
		}
	}
	settle()
	return sum, lines.Err()
}

// sampleRate returns the mean bytes between two samples: heap profile: 5: 1234 [10: 2345] @ heap/1048576
func sampleRate(head string) (float64, error) {
	_, text, ok := strings.Cut(head, "@ heap/")
	var twice float64
	if _, err := fmt.Sscan(text, &twice); !ok || err != nil || twice <= 0 {
		return 0, fmt.Errorf("heap profile of another form: %q", head)
	}
	return twice / 2, nil
}
