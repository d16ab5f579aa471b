package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinesNeedTwoSizesAndOursIsOne(t *testing.T) {
	var tables []*table
	for i, size := range []int{10, 100} {
		table := newTable(fleetKey(size), "Fleet", []string{cFloor, superviseFleet, superviseIs + " (one file)", "s6"}, metric{Name: allRun})
		table.add(cFloor, allRun, 1+float64(i))
		table.add(superviseFleet, allRun, 2+float64(i))
		table.add(superviseIs+" (one file)", allRun, 9)
		tables = append(tables, table)
	}
	tables[1].add("s6", allRun, 5)
	want := []line{{cFloor, []point{{10, 1}, {100, 2}}}, {superviseIs, []point{{10, 2}, {100, 3}}}}
	if diff := cmp.Diff(want, fleetLines(tables, []int{100, 10}, allRun), cmp.AllowUnexported(line{}, point{})); diff != "" {
		t.Error(diff)
	}
	charts := fleetCharts(tables, []int{10, 100})
	if len(charts) != 1 || charts[0].file != "fleet-time.svg" {
		t.Errorf("charts of what was measured: %+v", charts)
	}
}

func TestChartIsWellFormedAndNamesEveryLine(t *testing.T) {
	svg := drawSVG("A & B", []panel{{"ms", []line{
		{cFloor, []point{{10, 0.5}, {10000, 700}}}, {"<odd>", []point{{10, 20}, {100, 20}}},
	}}})
	d := xml.NewDecoder(strings.NewReader(svg))
	var texts []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, strings.TrimSpace(string(text)))
		}
	}
	for _, want := range []string{"A & B", "ms", "services", cFloor, "<odd>", "0.1", "1,000", "10", "10,000"} {
		if !slices.Contains(texts, want) {
			t.Errorf("no text %q among %q", want, texts)
		}
	}
}

func TestScaleIsLogarithmic(t *testing.T) {
	s := decades([]float64{20, 700})
	if diff := cmp.Diff([]float64{10, 100, 1000}, slices.Collect(s.ticks())); diff != "" {
		t.Error(diff)
	}
	if got := s.share(100); got != 0.5 {
		t.Errorf("100 lies at %v between 10 and 1,000, want the middle", got)
	}
	if s := decades([]float64{100}); s.low == s.high {
		t.Error("an axis without length")
	}
}

func TestLabelsKeepApart(t *testing.T) {
	got := apart([]float64{50, 10, 52, 12}, 15)
	if diff := cmp.Diff([]float64{50, 10, 65, 25}, got); diff != "" {
		t.Error(diff)
	}
}
