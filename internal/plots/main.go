// Command plots draws SVG plots from the results that tutti bench growth keeps. The same results give the same bytes.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plots DATA IMAGES")
		os.Exit(2)
	}
	if err := draw(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plots:", err)
		os.Exit(1)
	}
}

// draw draws every figure whose results are in the directory data.
func draw(data, images string) error {
	if err := os.MkdirAll(images, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, f := range figures {
		r, err := read(filepath.Join(data, "growth-"+f.series+".json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(images, "growth-"+f.series+".svg"), f.svg(r), 0o644); err != nil {
			return fmt.Errorf("write plot: %w", err)
		}
	}
	return nil
}

// results is what is drawn of one series.
type results struct {
	What   string  `json:"what"`
	Points []point `json:"points"`
}

type point struct {
	X      float64            `json:"x"`
	Values map[string]float64 `json:"values"`
}

func read(name string) (results, error) {
	var r results
	text, err := os.ReadFile(name)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", name, err)
	}
	return r, nil
}
