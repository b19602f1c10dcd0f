package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
)

const (
	panelWidth  = 300.0
	panelHeight = 190.0
	left        = 52.0 // of the axes in a panel
	right       = 14.0
	top         = 46.0
	bottom      = 46.0
	head        = 26.0 // of the figure
)

// style is read on light and on dark pages alike.
const style = `<style>
text{font:11px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;fill:#24292f}.grid{stroke:#8c959f;stroke-opacity:.3}
.l0{stroke:#cf222e;fill:#cf222e}.l1{stroke:#0969da;fill:#0969da}.l2{stroke:#1a7f37;fill:#1a7f37}path{fill:none!important;stroke-width:2}text.l0,text.l1,text.l2{stroke:none}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.l0{stroke:#ff7b72;fill:#ff7b72}.l1{stroke:#58a6ff;fill:#58a6ff}.l2{stroke:#3fb950;fill:#3fb950}}
</style>
`

// svg draws the figure.
func (f figure) svg(r results) []byte {
	var b bytes.Buffer
	width, height := panelWidth*float64(len(f.panels)), head+top+panelHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n%s", html.EscapeString(r.What), style)
	text(&b, "title", "start", 8, 18, r.What)
	for i, p := range f.panels {
		fmt.Fprintf(&b, `<g transform="translate(%.0f %.0f)">`+"\n", panelWidth*float64(i), head)
		p.draw(&b, f, r)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func text(b *bytes.Buffer, class, anchor string, x, y float64, s string) {
	fmt.Fprintf(b, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`+"\n", class, anchor, short(x), short(y), html.EscapeString(s))
}

// draw draws the panel at the origin.
func (p panel) draw(b *bytes.Buffer, f figure, r results) {
	text(b, "title", "start", left-44, 18, p.title)
	xs, ys := axis{log: f.logX, from: left, to: panelWidth - right}, axis{log: p.logY, from: top + panelHeight - bottom, to: top}
	for _, at := range r.Points {
		xs.take(at.X)
		for _, l := range p.lines {
			if v, ok := at.Values[l.value]; ok {
				ys.take(v)
			}
		}
	}
	xs.settle()
	ys.settle()
	for _, tick := range ys.ticks() {
		y := ys.at(tick)
		fmt.Fprintf(b, `<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", short(xs.from), short(y), short(xs.to), short(y))
		text(b, "", "end", left-6, y+4, number(tick))
	}
	for _, tick := range xs.ticks() {
		x := xs.at(tick)
		fmt.Fprintf(b, `<line class="grid" x1="%s" y1="%s" x2="%s" y2="%s"/>`+"\n", short(x), short(ys.from), short(x), short(ys.to))
		text(b, "", "middle", x, ys.from+16, number(tick))
	}
	text(b, "", "middle", (xs.from+xs.to)/2, ys.from+34, f.x)
	legend := left
	for i, l := range p.lines {
		l.draw(b, i, r, xs, ys)
		if l.label != "" {
			text(b, fmt.Sprintf("l%d", i), "start", legend, 36, "● "+l.label)
			legend += 30 + 6.2*float64(len(l.label))
		}
	}
}

func (l line) draw(b *bytes.Buffer, i int, r results, xs, ys axis) {
	fmt.Fprintf(b, `<path class="l%d" d="`, i)
	move := "M"
	var dots bytes.Buffer
	for _, at := range r.Points {
		v, ok := at.Values[l.value]
		if !ok || ys.log && v <= 0 {
			continue
		}
		x, y := short(xs.at(at.X)), short(ys.at(v))
		fmt.Fprintf(b, "%s%s %s", move, x, y)
		fmt.Fprintf(&dots, `<circle class="l%d" cx="%s" cy="%s" r="2.5"/>`+"\n", i, x, y)
		move = "L"
	}
	b.WriteString("\"/>\n")
	b.Write(dots.Bytes())
}

// short writes a coordinate.
func short(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// number writes a tick's value.
func number(v float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.of {
			return strconv.FormatFloat(v/unit.of, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
