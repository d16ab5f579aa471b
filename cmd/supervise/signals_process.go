package main

import (
	"fmt"
	"strings"

	"supervise/internal/disposition"
	"supervise/internal/signals"
	"supervise/internal/visible"
)

// processJSON is one process as `supervise signals --json` tells it. Fields are
// added, never renamed.
type processJSON struct {
	PID           int                 `json:"pid"`
	Name          string              `json:"name"`
	Command       []string            `json:"command"`
	Service       string              `json:"service,omitempty"`
	Main          bool                `json:"main,omitempty"`
	State         string              `json:"state"`
	UID           int                 `json:"uid"`
	Group         int                 `json:"group"`
	Session       int                 `json:"session"`
	Parent        int                 `json:"parent"`
	Tracer        int                 `json:"tracer"`
	NamespacePIDs []int               `json:"namespace_pids"`
	Kernel        bool                `json:"kernel_thread"`
	Threads       []threadJSON        `json:"threads"`
	Signals       []disposition.Entry `json:"signals"`
	Notes         []disposition.Note  `json:"notes"`
	parent        string
}

// threadJSON is one thread: what it blocks, and what waits for it alone.
type threadJSON struct {
	TID     int              `json:"tid"`
	Name    string           `json:"name"`
	State   string           `json:"state"`
	Blocked []signals.Signal `json:"blocked"`
	Pending []signals.Signal `json:"pending"`
}

func asJSON(f *disposition.Facts, t target) processJSON {
	p := processJSON{
		PID: f.PID, Name: f.Name, Command: f.Argv, Service: t.service, Main: t.main, State: string(f.State), UID: f.Status.RealUID,
		Group: f.Group, Session: f.Session, Parent: f.PPID, Tracer: f.Status.Tracer, NamespacePIDs: f.Status.NamespacePIDs, Kernel: f.Kernel,
		Signals: f.Entries(), Notes: f.Notes(), parent: f.Parent.String(),
	}
	for i := range f.Threads {
		s := &f.Threads[i]
		thread := threadJSON{TID: s.PID, Name: s.Name, State: string(s.State), Blocked: []signals.Signal{}, Pending: []signals.Signal{}}
		for n := signals.Signal(1); n <= signals.RTMAX; n++ {
			if s.Blocked.Has(int(n)) {
				thread.Blocked = append(thread.Blocked, n)
			}
			if s.Mine.Has(int(n)) {
				thread.Pending = append(thread.Pending, n)
			}
		}
		p.Threads = append(p.Threads, thread)
	}
	return p
}

// stateInWords is what a letter of proc(5) means.
func stateInWords(letter string) string {
	switch letter {
	case "R":
		return "running"
	case "S":
		return "sleeping"
	case "D":
		return "waits in the kernel (D)"
	case "T":
		return "stopped (T)"
	case "t":
		return "held by a debugger (t)"
	case "Z":
		return "zombie (Z)"
	case "X":
		return "dead"
	case "I":
		return "idle"
	}
	return ""
}

// sections shows one process after the other.
func sections(all []processJSON, look screen) string {
	var b strings.Builder
	for i := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		section(&b, &all[i], look)
	}
	return b.String()
}

func section(b *strings.Builder, p *processJSON, look screen) {
	command := visible.Text(words(p.Command))
	if command == "" {
		command = "(" + visible.Text(p.Name) + ")"
	}
	head := fmt.Sprintf("%d  %s", p.PID, command)
	if p.Service != "" {
		head = fmt.Sprintf("%s: %s", visible.Text(p.Service), head)
	}
	if look.terminal {
		head = cut(head, look.columns)
	}
	fmt.Fprintln(b, look.paint(bold, head))
	threads := "1 thread"
	if n := len(p.Threads); n != 1 {
		threads = fmt.Sprintf("%d threads", n)
	}
	state := stateInWords(p.State)
	if state == "" {
		state = visible.Text(p.State)
	}
	parent := "no parent here"
	if p.Parent != 0 {
		parent = "parent " + p.parent
	}
	fmt.Fprintf(b, "  uid %d, %s, %s, %s, group %d, session %d\n", p.UID, state, threads, parent, p.Group, p.Session)
	if p.State != "Z" || len(p.Threads) > 1 {
		dispositions(b, p, look)
	}
	for _, n := range p.Notes {
		paragraph(b, "!", n.Text, look)
	}
}

func dispositions(b *strings.Builder, p *processJSON, look screen) {
	row := func(name string, in func(e *disposition.Entry) bool) {
		paragraph(b, fmt.Sprintf("%-11s", name), orDash(namesOf(p.Signals, in)), look)
	}
	is := func(d disposition.Disposition) func(e *disposition.Entry) bool {
		return func(e *disposition.Entry) bool { return e.Disposition == d }
	}
	row("caught", is(disposition.Caught))
	row("ignored", is(disposition.Ignored))
	row("blocked", func(e *disposition.Entry) bool { return e.Blocked })
	if taken := namesOf(p.Signals, func(e *disposition.Entry) bool { return e.Awaited }); taken != "" {
		paragraph(b, fmt.Sprintf("%-11s", "sigwait"), taken, look)
	}
	row("pending", func(e *disposition.Entry) bool { return e.Pending })
	for _, g := range differing(p) {
		paragraph(b, fmt.Sprintf("%-11s", g.title), g.text, look)
	}
	title := "default"
	for _, action := range []signals.Action{signals.Ends, signals.Dumps, signals.Stops, signals.Goes, signals.Nothing} {
		text := namesOf(p.Signals, func(e *disposition.Entry) bool {
			return e.Disposition == disposition.Default && (e.Default == action || e.Default == signals.Reserved && action == signals.Ends)
		})
		if text == "" {
			continue
		}
		paragraph(b, fmt.Sprintf("%-11s %-10s", title, action), text, look)
		title = ""
	}
}

// paragraph writes a text beside its title, and below that what does not fit.
func paragraph(b *strings.Builder, title, text string, look screen) {
	for _, line := range wrapped(text, look.columns-len(title)-3) {
		fmt.Fprintf(b, "  %s %s\n", title, line)
		title = strings.Repeat(" ", len(title))
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// group is a number of threads that are alike, and different from what holds for
// all of them.
type group struct{ title, text string }

// differing tells of the threads that block more than all do, or that signals
// wait for alone.
func differing(p *processJSON) (groups []group) {
	all := map[signals.Signal]bool{}
	for i := range p.Signals {
		all[p.Signals[i].Signal] = p.Signals[i].Blocked
	}
	where := map[string]int{}
	var tids [][]string
	for i := range p.Threads {
		t := &p.Threads[i]
		var more, mine []disposition.Entry
		for _, s := range t.Blocked {
			if !all[s] {
				more = append(more, disposition.Entry{Number: int(s), Signal: s})
			}
		}
		for _, s := range t.Pending {
			mine = append(mine, disposition.Entry{Number: int(s), Signal: s})
		}
		var parts []string
		if len(more) > 0 {
			parts = append(parts, "blocks "+namesOf(more, everyEntry))
		}
		if len(mine) > 0 {
			parts = append(parts, "pending "+namesOf(mine, everyEntry))
		}
		if len(parts) == 0 {
			continue
		}
		text := strings.Join(parts, "; ")
		at, known := where[text]
		if !known {
			at = len(groups)
			where[text] = at
			groups, tids = append(groups, group{text: text}), append(tids, nil)
		}
		tids[at] = append(tids[at], fmt.Sprint(t.TID))
	}
	for i := range groups {
		const some = 8
		names := tids[i]
		if n := len(names); n > some {
			names = append(names[:some:some], fmt.Sprintf("%d more", n-some))
		}
		if len(tids[i]) == 1 {
			groups[i].title = "in thread"
		} else {
			groups[i].title = "in threads"
		}
		groups[i].text = strings.Join(names, ", ") + ": " + groups[i].text
	}
	return groups
}

func everyEntry(*disposition.Entry) bool { return true }

// namesOf joins the names of signals, with ranges where many real-time ones
// follow each other.
func namesOf(all []disposition.Entry, in func(e *disposition.Entry) bool) string {
	var numbers []signals.Signal
	for i := range all {
		if in(&all[i]) {
			numbers = append(numbers, all[i].Signal)
		}
	}
	var out []string
	for i := 0; i < len(numbers); i++ {
		end := i
		for numbers[i] >= signals.RTMIN && end+1 < len(numbers) && numbers[end+1] == numbers[end]+1 {
			end++
		}
		if end-i < 2 {
			out = append(out, numbers[i].String())
			continue
		}
		out = append(out, numbers[i].String()+".."+numbers[end].String())
		i = end
	}
	return strings.Join(out, " ")
}

// wrapped breaks a text between words, into lines of at most so many characters
// where the words let it.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
