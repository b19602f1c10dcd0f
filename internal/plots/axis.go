package main

import "math"

// axis turns values into coordinates.
type axis struct {
	log      bool
	from, to float64 // coordinates
	low      float64 // values, once settled
	high     float64
	any      bool
}

// take widens the axis to v. A logarithmic one has no place for what is not above zero.
func (a *axis) take(v float64) {
	if a.log && v <= 0 {
		return
	}
	if !a.any {
		a.low, a.high, a.any = v, v, true
	}
	a.low, a.high = min(a.low, v), max(a.high, v)
}

// settle rounds the axis: a linear one begins at zero.
func (a *axis) settle() {
	switch {
	case !a.any:
		a.low, a.high = 1, 10
	case a.log:
		a.low, a.high = below(a.low), above(a.high)
		if a.low == a.high {
			a.high *= 10
		}
	default:
		step := stepOf(max(a.high, 1e-9))
		a.low, a.high = 0, step*math.Ceil(max(a.high, 1e-9)/step)
	}
}

// marks are the values in a decade at which a logarithmic axis may end.
var marks = []float64{1, 2, 5, 10}

func below(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for i := len(marks) - 1; i >= 0; i-- {
		if marks[i]*decade <= v*1.0001 {
			return marks[i] * decade
		}
	}
	return decade
}

func above(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range marks {
		if m*decade >= v*0.9999 {
			return m * decade
		}
	}
	return 10 * decade
}

// stepOf returns a round step that makes three to six ticks up to v.
func stepOf(v float64) float64 {
	return below(v / 3)
}

func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log10(low), math.Log10(high), math.Log10(v)
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// ticks returns the values that are labelled.
func (a *axis) ticks() []float64 {
	var all []float64
	if !a.log {
		step := stepOf(a.high)
		for i := 0.0; i*step <= a.high*1.0001; i++ {
			all = append(all, i*step)
		}
		return all
	}
	decades := math.Log10(a.high / a.low)
	for decade := math.Pow(10, math.Floor(math.Log10(a.low))); decade <= a.high*1.0001; decade *= 10 {
		for _, m := range marks[:3] {
			if v := m * decade; v >= a.low*0.9999 && v <= a.high*1.0001 && (m == 1 || decades < 2) {
				all = append(all, v)
			}
		}
	}
	return all
}
