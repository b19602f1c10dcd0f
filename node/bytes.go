package node

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseBytes reads a size as 500MB, 1GiB or 1048576.
func parseBytes(s string) (int64, error) {
	units := []struct {
		name string
		size float64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"B", 1},
		{"", 1},
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(v) || v*u.size < 1 || v*u.size > 1<<53 {
			break
		}
		return int64(v * u.size), nil
	}
	return 0, fmt.Errorf("size %q: want a number with MB, MiB, GB or GiB", s)
}
