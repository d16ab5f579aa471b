package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"supervise/internal/supervisor"
)

func TestBootTakesTheStartApart(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := func(name, after string, critical bool, went, forked, ready int) supervisor.BootStep {
		at := func(ms int) time.Time {
			if ms < 0 {
				return time.Time{}
			}
			return began.Add(time.Duration(ms) * time.Millisecond)
		}
		return supervisor.BootStep{Name: name, For: after, Critical: critical, Boot: supervisor.Boot{Asked: began, Went: at(went), Forked: at(forked), Ready: at(ready)}}
	}
	b := bootOf(began, []supervisor.BootStep{
		step("cache", "", false, 0, 5, 5),
		step("db", "", true, 0, 100, 1100),
		step("web", "migrate", true, 1400, 1410, 2000),
		step("migrate", "db", true, 1100, 1110, 1400),
		step("late", "", false, 0, 10, -1),
		step("never", "late", false, -1, -1, -1),
	})
	var got strings.Builder
	seconds := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf("%.3f", *v)
	}
	for _, s := range b.Services {
		fmt.Fprintf(&got, "%s up=%v waited %s for %q, prepared %s, readied %s, critical=%v share %.3f\n",
			s.Name, s.Up, seconds(s.Waited), s.For, seconds(s.Prepared), seconds(s.Readied), s.Critical, s.Share)
	}
	want := `cache up=true waited 0.000 for "", prepared 0.005, readied 0.000, critical=false share 0.000
db up=true waited 0.000 for "", prepared 0.100, readied 1.000, critical=true share 1.100
web up=true waited 1.400 for "migrate", prepared 0.010, readied 0.590, critical=true share 0.600
migrate up=true waited 1.100 for "db", prepared 0.010, readied 0.290, critical=true share 0.300
late up=false waited 0.000 for "", prepared 0.010, readied -, critical=false share 0.000
never up=false waited - for "late", prepared -, readied -, critical=false share 0.000
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	if b.Took != 2 || b.Missing != 2 {
		t.Errorf("took %v, %d missing", b.Took, b.Missing)
	}
}
