package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"supervise/internal/api"
	"supervise/internal/fullscreen"
)

// Model is what is known and how it is looked at.
type Model struct {
	look
	width, height int
	now           time.Time

	connected bool
	lost      Lost
	info      api.Info

	services []api.Service // by name
	usage    map[string]usage
	rows     []int // into services: those that are shown, in the order in which they are
	selected string
	cursor   int // where selected is in rows
	first    int // row at the top of the table
	longest  int // width of the longest name in rows
	order    order
	reversed bool
	filter   string

	logs    logs
	full    bool // the logs have the screen
	over    over // what takes the keys, beside the table or the logs
	typing  string
	asking  Ask    // with overConfirm
	why     string // with overConfirm: what it does
	picker  picker
	scroll  int // of the help
	pending []pending
	note    note
}

// over is what lies over the table.
type over int

const (
	overNothing over = iota
	overFilter       // a filter is being typed
	overConfirm      // a question is to be answered
	overPicker       // a signal is being chosen
	overHelp
)

// usage is the use of the processor by a service, as far as two looks tell.
type usage struct {
	at      time.Time
	seconds float64
	percent float64
	known   bool
}

// pending is what was asked for and has no outcome yet.
type pending struct {
	Ask
	since time.Time
}

// note is the last thing that there was to say.
type note struct {
	text string
	bad  bool
	at   time.Time
}

// noteStays is how long good news are shown; bad ones stay until a key is pressed.
const noteStays = 8 * time.Second

// noteMeets is how young the last news is when the next does not replace it
// but stands beside it.
const noteMeets = 2 * time.Second

// New makes a model of nothing yet. colour says whether there may be colours,
// unicode whether the terminal shows more than ASCII.
func New(colour, unicode bool) *Model {
	return &Model{look: newLook(colour, unicode), width: 80, height: 24, usage: map[string]usage{}}
}

// Update takes in a [Message] or a [fullscreen.Event], at a time.
func (m *Model) Update(message any, now time.Time) []Command {
	m.now = now
	switch v := message.(type) {
	case fullscreen.Resized:
		m.width, m.height = v.Width, v.Height
		m.scrollToCursor()
	case fullscreen.Gone:
		return []Command{Quit{}}
	case fullscreen.Key:
		return m.key(v)
	case fullscreen.Paste:
		m.paste(string(v))
	case Connected:
		if !m.connected && !m.lost.Retry.IsZero() {
			m.say(true, "connected again")
		}
		m.connected, m.info = true, v.Info
		clear(m.usage)
		return m.follow(m.selected)
	case Told:
		m.info = v.Info
	case Lost:
		m.connected, m.lost, m.pending = false, v, nil
		m.logs.following, m.logs.waiting = false, "no connection"
	case Seen:
		return m.seen(v)
	case Lines:
		if v.Of == m.logs.of {
			m.logs.add(v.Lines, m.look)
		}
	case Unfollowed:
		if v.Of == m.logs.of && m.connected {
			m.logs.waiting = v.Why
		}
	case Answered:
		m.answered(v)
	case Tick:
		if !m.note.bad && now.Sub(m.note.at) > noteStays {
			m.note = note{}
		}
	}
	return nil
}

func (m *Model) say(ok bool, format string, args ...any) {
	n := note{Clean(fmt.Sprintf(format, args...), false), !ok, m.now}
	if m.note.text != "" && m.now.Sub(m.note.at) < noteMeets {
		n.text, n.bad = m.note.text+m.sep+n.text, n.bad || m.note.bad
	}
	m.note = n
}

// seen takes in what services look like now.
func (m *Model) seen(v Seen) []Command {
	if v.All {
		m.services = v.Services
	} else {
		for _, s := range v.Services {
			if i, ok := m.find(s.Name); ok {
				m.services[i] = s
			} else {
				m.services = slices.Insert(m.services, i, s)
			}
		}
	}
	for _, s := range v.Services {
		m.measure(s, v.At)
	}
	if v.All && len(m.usage) > 2*len(m.services)+64 {
		clear(m.usage) // of those that were removed
	}
	m.arrange()
	return m.follow(m.selected)
}

func (m *Model) find(name string) (int, bool) {
	return slices.BinarySearchFunc(m.services, name, func(s api.Service, name string) int { return strings.Compare(s.Name, name) })
}

// measure tells from two looks how much of a processor a service used. Looks
// that lie close together tell nothing: the kernel counts in ticks of 10 ms.
func (m *Model) measure(s api.Service, at time.Time) {
	if s.CPU == nil {
		delete(m.usage, s.Name)
		return
	}
	was, ok := m.usage[s.Name]
	passed := at.Sub(was.at)
	switch {
	case !ok || *s.CPU < was.seconds || s.PID == 0: // one of its processes has ended
		m.usage[s.Name] = usage{at: at, seconds: *s.CPU}
	case passed >= time.Second:
		m.usage[s.Name] = usage{at, *s.CPU, 100 * (*s.CPU - was.seconds) / passed.Seconds(), true}
	}
}

// follow has the output of a service followed, if it is not already.
func (m *Model) follow(name string) []Command {
	if !m.connected || name == m.logs.of && m.logs.following {
		return nil
	}
	m.logs = logs{of: name, following: true, stamps: m.logs.stamps}
	return []Command{Follow{name}}
}

// answered tells what became of a request.
func (m *Model) answered(v Answered) {
	m.pending = slices.DeleteFunc(m.pending, func(p pending) bool { return p.Ask == v.Asked })
	if v.Plan == nil || !v.OK {
		m.say(v.OK, "%s", v.Text)
		return
	}
	if len(v.Plan.Changes) == 0 {
		m.say(true, "reload: the configuration has not changed")
		return
	}
	if m.over != overNothing { // somebody is in the midst of something else
		m.say(true, "%s; to do it: R", v.Text)
		return
	}
	m.over, m.asking, m.why = overConfirm, Ask{Verb: "reload"}, Clean(v.Text, false)
}

// service gives the selected one, or nil.
func (m *Model) service() *api.Service {
	if i, ok := m.find(m.selected); ok {
		return &m.services[i]
	}
	return nil
}
