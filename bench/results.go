package main

import "slices"

// metric is one column of a table. In each, less is better.
type metric struct {
	Name     string `json:"name"`
	Unit     string `json:"unit"`
	Decimals int    `json:"-"`
	NoRatio  bool   `json:"-"` // a count for which a ratio says nothing
}

// table is one measure, with a row for each subject and a value per round in each cell.
type table struct {
	Key     string   `json:"key"` // by which goals and charts find it: the measure, of fleets with the size
	Title   string   `json:"title"`
	Metrics []metric `json:"metrics"`
	Rows    []string `json:"rows"`
	Notes   []string `json:"notes,omitempty"`

	cells    map[cell][]float64
	failures map[string]string // why a row has no values, or fewer than the others
}

type cell struct{ row, metric string }

func newTable(key, title string, rows []string, metrics ...metric) *table {
	return &table{
		Key: key, Title: title, Metrics: metrics, Rows: rows,
		cells: map[cell][]float64{}, failures: map[string]string{},
	}
}

func (t *table) note(text string) {
	if !slices.Contains(t.Notes, text) {
		t.Notes = append(t.Notes, text)
	}
}

func (t *table) add(row, metric string, value float64) {
	c := cell{row, metric}
	t.cells[c] = append(t.cells[c], value)
}

// fail keeps the first reason for each row; the later ones mostly follow from it.
func (t *table) fail(row string, err error) {
	if t.failures[row] == "" {
		t.failures[row] = err.Error()
	}
}

func (t *table) values(row, metric string) []float64 { return t.cells[cell{row, metric}] }

// supervised is the row that the ratios compare the others with: ours, if it was measured.
func (t *table) supervised() (row string, ok bool) {
	for _, row := range t.Rows {
		if ours(row) && t.measured(row) {
			return row, true
		}
	}
	return "", false
}

func (t *table) measured(row string) bool {
	return slices.ContainsFunc(t.Metrics, func(m metric) bool { return len(t.values(row, m.Name)) > 0 })
}

// ratio is our median over the other row's; below 1 we are better.
func (t *table) ratio(our, other string, m metric) (ratio float64, ok bool) {
	a, b := t.values(our, m.Name), t.values(other, m.Name)
	if m.NoRatio || len(a) == 0 || len(b) == 0 || median(b) == 0 {
		return 0, false
	}
	return median(a) / median(b), true
}

// unit is that of a column.
func (t *table) unit(name string) string {
	for _, m := range t.Metrics {
		if m.Name == name {
			return m.Unit
		}
	}
	return ""
}

// find gives the table with that key, or nil.
func find(tables []*table, key string) *table {
	for _, t := range tables {
		if t.Key == key {
			return t
		}
	}
	return nil
}
