package tuttitest

import (
	"bytes"
	"encoding/json"
	"strings"
)

func encodeNamed(name string, v any) (string, []byte, error) {
	data, err := json.Marshal(v)
	return name, data, err
}

// canonical returns JSON with sorted keys and no white space, or data itself when it is no JSON.
func canonical(data []byte) string {
	return string(reencode(data, func(v any) ([]byte, error) { return json.Marshal(v) }))
}

func reencode(data []byte, with func(v any) ([]byte, error)) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return data
	}
	out, err := with(v)
	if err != nil {
		return data
	}
	return out
}

// diffJSON returns where two JSON texts differ in meaning, a line for each value, or "".
func diffJSON(want, got []byte) string {
	if canonical(want) == canonical(got) {
		return ""
	}
	indent := func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
	return diff(strings.Split(string(reencode(want, indent)), "\n"), strings.Split(string(reencode(got, indent)), "\n"))
}

// line is one line of a comparison: - before what only want has, + before what only got has.
type line struct {
	mark byte
	text string
}

// diff returns both lists as one, with the lines that differ marked and some around them; "" when the
// lists are equal.
func diff(want, got []string) string {
	head := 0
	for head < min(len(want), len(got)) && want[head] == got[head] {
		head++
	}
	tail := 0
	for tail < min(len(want), len(got))-head && want[len(want)-1-tail] == got[len(got)-1-tail] {
		tail++
	}
	if head+tail == len(want) && head+tail == len(got) {
		return ""
	}
	lines := plain(nil, want[:head])
	lines = append(lines, merge(want[head:len(want)-tail], got[head:len(got)-tail])...)
	return render(plain(lines, want[len(want)-tail:]))
}

func plain(lines []line, texts []string) []line {
	for _, t := range texts {
		lines = append(lines, line{' ', t})
	}
	return lines
}

// merge lines up two lists along a longest common subsequence. Of lists too long for that it shows
// only how they begin.
func merge(want, got []string) []line {
	const longest, shown = 1000, 20
	if len(want) > longest || len(got) > longest {
		want, got = want[:min(len(want), shown)], got[:min(len(got), shown)]
	}
	common := longestCommon(want, got)
	var lines []line
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			lines = append(lines, line{' ', want[i]})
			i++
			j++
		case i < len(want) && (j == len(got) || common[i+1][j] >= common[i][j+1]):
			lines = append(lines, line{'-', want[i]})
			i++
		default:
			lines = append(lines, line{'+', got[j]})
			j++
		}
	}
	return lines
}

// render leaves out what is far from any difference.
func render(lines []line) string {
	const around = 3
	near := make([]bool, len(lines))
	for i, l := range lines {
		for k := max(0, i-around); l.mark != ' ' && k <= min(len(lines)-1, i+around); k++ {
			near[k] = true
		}
	}
	var b strings.Builder
	for i, l := range lines {
		if near[i] {
			b.WriteString(string(l.mark) + " " + l.text + "\n")
		} else if i == 0 || near[i-1] {
			b.WriteString("  …\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// longestCommon returns, for each pair of positions, the length of the longest common subsequence of
// what follows there.
func longestCommon(a, b []string) [][]int {
	size := make([][]int, len(a)+1)
	for i := range size {
		size[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				size[i][j] = size[i+1][j+1] + 1
			} else {
				size[i][j] = max(size[i+1][j], size[i][j+1])
			}
		}
	}
	return size
}
