package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() *table {
	t := newTable("fleet 10", "Fleet", []string{"C floor", "supervise (directory)", "runit", "s6"},
		metric{Name: "all run", Unit: "ms", Decimals: 1}, metric{Name: "left", NoRatio: true})
	for _, v := range []float64{2, 2, 2} {
		t.add("C floor", "all run", v)
	}
	for _, v := range []float64{2, 3, 4} {
		t.add("supervise (directory)", "all run", v)
	}
	t.add("runit", "all run", 30)
	t.add("runit", "left", 1)
	t.fail("s6", errors.New("it fell over"))
	t.fail("s6", errors.New("what followed from it"))
	return t
}

func written(g grid, markdown bool) string {
	var out strings.Builder
	g.write(&out, markdown)
	return out.String()
}

func TestTableShowsMediansSpreadAndFailures(t *testing.T) {
	want := `                         all run, ms  left
  C floor                        2.0
  supervise (directory)     3.0 ±33%
  runit                         30.0     1
  s6                          failed  failed
`
	want = strings.ReplaceAll(want, "     1\n", "       1\n")
	want = strings.ReplaceAll(want, "all run, ms  left\n", "all run, ms    left\n")
	if diff := cmp.Diff(want, written(example().medians(), false)); diff != "" {
		t.Error(diff)
	}
}

func TestRatiosCompareSuperviseWithEveryOtherRow(t *testing.T) {
	want := `| supervise (directory) over | all run |
|---|---:|
| C floor                    |    1.50 |
| runit                      |    0.10 |
`
	if diff := cmp.Diff(want, written(example().ratios(), true)); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutSuperviseThereAreNoRatios(t *testing.T) {
	table := newTable("fleet 10", "Fleet", []string{"supervise", "runit"}, metric{Name: "all run"})
	table.add("runit", "all run", 30)
	if g := table.ratios(); g != nil {
		t.Errorf("ratios without a figure of ours: %v", g)
	}
}

func TestFirstReasonOfAFailureStays(t *testing.T) {
	if got := example().failures["s6"]; got != "it fell over" {
		t.Errorf("reason %q", got)
	}
	o := outcome{Tables: []*table{example()}}
	if !o.failed() {
		t.Error("a failed row doesn't make the run fail")
	}
}

func TestJSONHasEveryRound(t *testing.T) {
	text, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Title   string
		Results []result
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	ratio := 0.1
	want := result{Row: "runit", Metric: "all run", Unit: "ms", Median: 30, Rounds: []float64{30}, Ratio: &ratio}
	if got.Title != "Fleet" || len(got.Results) != 4 {
		t.Fatalf("JSON has another shape: %s", text)
	}
	if diff := cmp.Diff(want, got.Results[2]); diff != "" {
		t.Error(diff)
	}
}

func TestFilesHoldWhatWasMeasuredSoFar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	o := outcome{Tables: []*table{example()}, charts: []chart{{title: "all run", file: "a.svg", svg: "<svg/>"}}, unfinished: "not finished: ended in round 1 of 3"}
	for range 2 { // the second takes the place of the first
		if err := o.writeFiles(path); err != nil {
			t.Fatal(err)
		}
	}
	text := readFile(path)
	for _, want := range []string{"- not finished: ended in round 1 of 3\n", "| runit ", "![all run](a.svg)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := readFile(filepath.Join(filepath.Dir(path), "a.svg")); got != "<svg/>" {
		t.Errorf("the chart is %q", got)
	}
	if left, _ := filepath.Glob(path + ".part"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
