package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// outcome is all that one run found out.
type outcome struct {
	Machine machine   `json:"machine"`
	Skipped []string  `json:"skipped,omitempty"` // what wasn't measured, and why
	Tables  []*table  `json:"tables"`
	Goals   []verdict `json:"goals,omitempty"`

	charts     []chart
	unfinished string // why there is not more; "": there is all
}

// failed says whether any row could not be measured as it should.
func (o *outcome) failed() bool {
	for _, t := range o.Tables {
		if len(t.failures) > 0 {
			return true
		}
	}
	return false
}

// result is one cell in the JSON output, with the value of every round.
type result struct {
	Row    string    `json:"row"`
	Metric string    `json:"metric"`
	Unit   string    `json:"unit,omitempty"`
	Median float64   `json:"median"`
	Rounds []float64 `json:"rounds"`
	Ratio  *float64  `json:"ratio,omitempty"` // supervise over this row
}

// MarshalJSON lists the cells; a map with a struct as key has no form in JSON.
func (t *table) MarshalJSON() ([]byte, error) {
	type plain table // without this method
	out := struct {
		*plain
		Results  []result          `json:"results"`
		Failures map[string]string `json:"failures,omitempty"`
	}{plain: (*plain)(t), Results: []result{}, Failures: t.failures}
	our, compare := t.supervised()
	for _, row := range t.Rows {
		for _, m := range t.Metrics {
			values := t.values(row, m.Name)
			if len(values) == 0 {
				continue
			}
			r := result{Row: row, Metric: m.Name, Unit: m.Unit, Median: median(values), Rounds: values}
			if ratio, ok := t.ratio(our, row, m); compare && ok {
				r.Ratio = &ratio
			}
			out.Results = append(out.Results, r)
		}
	}
	return json.Marshal(out)
}

func (o *outcome) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(o)
}

// writeFiles writes Markdown, and the charts beside it. Each file is there as a whole,
// the one before or this one.
func (o *outcome) writeFiles(markdown string) error {
	var text strings.Builder
	o.write(&text, true)
	if err := replace(markdown, text.String()); err != nil {
		return err
	}
	for _, c := range o.charts {
		if err := replace(filepath.Join(filepath.Dir(markdown), c.file), c.svg); err != nil {
			return err
		}
	}
	return nil
}

func replace(path, text string) error {
	part := path + ".part"
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
