package top

import (
	"slices"
	"strconv"
	"strings"

	"supervise/internal/signals"
)

// picker is the list of signals.
type picker struct {
	name   string // for which service
	filter string
	aim    int // into aims
	at     int // into matches
	first  int // row at its top
}

// aims are whom a signal can be for, as the API has them.
var aims = []string{"main", "group", "tree"}

// everySignal lists all that have a name, by number.
func everySignal() []signals.Signal {
	var all []signals.Signal
	for n := signals.Signal(1); n <= signals.RTMAX; n++ {
		if _, err := strconv.Atoi(n.String()); err != nil { // has a name
			all = append(all, n)
		}
	}
	return all
}

// matches are the signals that the filter lets through. One whose name or
// number it is comes first.
func (p *picker) matches() []signals.Signal {
	all := everySignal()
	f := strings.TrimPrefix(strings.ToUpper(p.filter), "SIG")
	if f == "" {
		return all
	}
	all = slices.DeleteFunc(all, func(s signals.Signal) bool {
		return !strings.Contains(s.String(), f) && !strings.HasPrefix(itoa(int(s)), f)
	})
	for i, s := range all {
		if s.String() == f || itoa(int(s)) == f {
			return slices.Insert(slices.Delete(all, i, i+1), 0, s)
		}
	}
	return all
}

// chosen is the signal that the cursor is on.
func (p *picker) chosen() (signals.Signal, bool) {
	all := p.matches()
	if p.at >= len(all) {
		return 0, false
	}
	return all[p.at], true
}

// cell is how wide a signal is in the list: "34 RTMIN+14" and a gap.
const cell = 13

func pickerColumns(width int) int { return max(1, (width-2)/cell) }

// view gives the list in n lines of the width w: what it is about, whom it is
// for, the signals.
func (p *picker) view(k look, n, w int) []string {
	var to strings.Builder
	for i, aim := range aims {
		word := " " + aimWords[aim] + " "
		if w < 60 {
			word = " " + aim + " "
		}
		if i == p.aim {
			word = k.paint(reverse, "["+strings.TrimSpace(word)+"]")
		}
		to.WriteString(word)
	}
	out := []string{
		k.cut("  "+k.paint(bold, "signal for "+p.name)+"  "+k.paint(dim, "type to search: ")+p.filter+k.caret, 0, w),
		k.cut("  to "+to.String(), 0, w),
	}
	all, columns := p.matches(), pickerColumns(w)
	rows := max(1, n-len(out))
	p.first = max(0, max(min(p.first, p.at/columns), p.at/columns-rows+1))
	for r := p.first; r < p.first+rows; r++ {
		var b strings.Builder
		for i := r * columns; i < min((r+1)*columns, len(all)); i++ {
			text := k.fit(k.right(itoa(int(all[i])), 2)+" "+all[i].String(), cell-1)
			if i == p.at {
				text = k.paint(reverse, text)
			}
			b.WriteString(text + " ")
		}
		out = append(out, k.cut("  "+b.String(), 0, w))
	}
	if len(all) == 0 {
		out[len(out)-rows] = k.paint(dim, "  no signal has that name or number")
	}
	return out[:min(n, len(out))]
}

var aimWords = map[string]string{"main": "main process", "group": "its process group", "tree": "all its processes"}

func itoa(n int) string { return strconv.Itoa(n) }
