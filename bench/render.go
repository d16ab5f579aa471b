package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// grid is a table of ready texts; the first line is the head.
type grid [][]string

// medians shows each cell's median, and how far its rounds lie apart if that is
// more than a few percent: a figure that wanders should look like one.
func (t *table) medians() grid {
	g := grid{{""}}
	for _, m := range t.Metrics {
		g[0] = append(g[0], strings.TrimSuffix(m.Name+", "+m.Unit, ", "))
	}
	for _, row := range t.Rows {
		line := []string{row}
		for _, m := range t.Metrics {
			line = append(line, t.text(row, m))
		}
		g = append(g, line)
	}
	return g
}

func (t *table) text(row string, m metric) string {
	values := t.values(row, m.Name)
	switch {
	case len(values) > 0:
	case t.failures[row] != "":
		return "failed"
	default:
		return ""
	}
	text := fmt.Sprintf("%.*f", m.Decimals, median(values))
	if s := spread(values); s >= 0.05 {
		text += fmt.Sprintf(" ±%.0f%%", s*100/2)
	}
	return text
}

// ratios compares our row with each other one; nil when there is nothing to compare.
func (t *table) ratios() grid {
	our, ok := t.supervised()
	if !ok {
		return nil
	}
	g := grid{{our + " over"}}
	columns := slices.DeleteFunc(slices.Clone(t.Metrics), func(m metric) bool { return m.NoRatio })
	for _, m := range columns {
		g[0] = append(g[0], m.Name)
	}
	for _, row := range t.Rows {
		if row == our || !t.measured(row) {
			continue
		}
		line := []string{row}
		for _, m := range columns {
			text := ""
			if r, ok := t.ratio(our, row, m); ok {
				text = fmt.Sprintf("%.2f", r)
			}
			line = append(line, text)
		}
		g = append(g, line)
	}
	if len(g) == 1 || len(columns) == 0 {
		return nil
	}
	return g
}

// write sets the columns below each other; as Markdown, with the bars that make it a table.
func (g grid) write(w io.Writer, markdown bool) {
	widths := make([]int, len(g[0]))
	for _, line := range g {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	left, between, right := "  ", "  ", ""
	if markdown {
		left, between, right = "| ", " | ", " |"
	}
	for n, line := range g {
		padded := make([]string, len(line))
		for i, text := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i == 0 {
				padded[i] = text + pad
			} else {
				padded[i] = pad + text
			}
		}
		fmt.Fprintln(w, strings.TrimRight(left+strings.Join(padded, between)+right, " "))
		if markdown && n == 0 {
			fmt.Fprintln(w, "|---"+strings.Repeat("|---:", len(line)-1)+"|")
		}
	}
}

// write prints the whole outcome for people, as plain text or as Markdown.
func (o *outcome) write(w io.Writer, markdown bool) {
	heading, bullet := "\n", "  "
	if markdown {
		fmt.Fprint(w, "# Benchmark results\n\nWritten by `go run ./bench`; [README.md](README.md) says how to read it.\n\n")
		heading, bullet = "\n## ", "- "
	}
	for _, line := range o.Machine.lines() {
		fmt.Fprintln(w, bullet+line)
	}
	if o.unfinished != "" {
		fmt.Fprintln(w, bullet+o.unfinished)
	}
	for _, line := range o.Skipped {
		fmt.Fprintln(w, bullet+"skipped: "+line)
	}
	if len(o.Goals) > 0 {
		fmt.Fprint(w, heading+"Goals\n\n")
		goalTable(o.Goals).write(w, markdown)
	}
	if markdown && len(o.charts) > 0 {
		fmt.Fprint(w, heading+"Fleets at a glance\n")
		for _, c := range o.charts {
			fmt.Fprintf(w, "\n![%s](%s)\n", c.title, c.file)
		}
	}
	for _, t := range o.Tables {
		fmt.Fprintln(w, heading+t.Title)
		fmt.Fprintln(w)
		t.medians().write(w, markdown)
		if g := t.ratios(); g != nil {
			fmt.Fprintln(w)
			g.write(w, markdown)
		}
		if len(t.Notes)+len(t.failures) > 0 {
			fmt.Fprintln(w)
		}
		for _, note := range t.Notes {
			fmt.Fprintln(w, bullet+note)
		}
		for _, row := range t.Rows {
			if why := t.failures[row]; why != "" {
				fmt.Fprintf(w, "%sfailed: %s: %s\n", bullet, row, why)
			}
		}
	}
}
