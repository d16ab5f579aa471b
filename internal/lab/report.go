package lab

import (
	"regexp"
	"time"

	"supervise/internal/event"
)

// Report is what was seen of one run.
type Report struct {
	Sights    []Sight
	Supervise int // pid of the supervise that recorded
	Stuck     int // the step that did not come about; -1: all did
	Status    int // with which supervise ended
}

// Sight is one thing that was seen: exactly one of Line, Deed and Event is set.
type Sight struct {
	At    time.Duration `json:"at_ns"` // since the start
	Line  *string       `json:"line,omitempty"`
	Err   bool          `json:"stderr,omitempty"`
	Deed  *Deed         `json:"deed,omitempty"`
	Event *Event        `json:"event,omitempty"`
}

// Deed is what was done to the program.
type Deed struct {
	Command string `json:"command"`
	PID     int    `json:"pid,omitempty"` // of the shell that did it
	Past    bool   `json:"past_supervise,omitempty"`
	Kill    Kill   `json:"-"`
}

// Event is an event of supervise as its trace has it (docs/events.md).
type Event struct {
	Name   event.Name `json:"event"`
	Mono   int64      `json:"mono_ns"`
	PID    int        `json:"pid,omitempty"`
	Signal string     `json:"signal,omitempty"`
	Was    string     `json:"was,omitempty"`
	From   *From      `json:"from,omitempty"`
	To     string     `json:"to,omitempty"`
	Exit   *Exit      `json:"exit,omitempty"`
	Up     int64      `json:"up_ns,omitempty"`
	Delay  int64      `json:"delay_ns,omitempty"`
	Why    string     `json:"why,omitempty"`
}

// From is the sender of a signal.
type From struct {
	By   string `json:"by"`
	PID  int    `json:"pid,omitempty"`
	UID  int    `json:"uid,omitempty"`
	Name string `json:"name,omitempty"`
}

// Exit is how a run ended.
type Exit struct {
	Code   int    `json:"code,omitempty"`
	Signal string `json:"signal,omitempty"`
	Missed string `json:"missed,omitempty"`
	NotRun string `json:"not_run,omitempty"`
}

// Lines gives what the program wrote.
func (r *Report) Lines() (lines []string) {
	for _, s := range r.Sights {
		if s.Line != nil {
			lines = append(lines, *s.Line)
		}
	}
	return lines
}

// Count says how many lines match.
func (r *Report) Count(pattern string) (n int) {
	match := regexp.MustCompile(pattern)
	for _, line := range r.Lines() {
		if match.MatchString(line) {
			n++
		}
	}
	return n
}

// Has says whether a line matches.
func (r *Report) Has(pattern string) bool { return r.Count(pattern) > 0 }

// Groups gives the first group of each line that matches.
func (r *Report) Groups(pattern string) (groups []string) {
	match := regexp.MustCompile(pattern)
	for _, line := range r.Lines() {
		if found := match.FindStringSubmatch(line); found != nil {
			groups = append(groups, found[1])
		}
	}
	return groups
}

// Between counts the lines that match pattern between the first that matches
// from and the first after it that matches to, or the end.
func (r *Report) Between(pattern, from, to string) (n int) {
	match, begin, end := regexp.MustCompile(pattern), regexp.MustCompile(from), regexp.MustCompile(to)
	inside := false
	for _, line := range r.Lines() {
		switch {
		case !inside:
			inside = begin.MatchString(line)
		case end.MatchString(line):
			return n
		case match.MatchString(line):
			n++
		}
	}
	return n
}

// Events gives those of a name.
func (r *Report) Events(name event.Name) (events []*Event) {
	for _, s := range r.Sights {
		if s.Event != nil && s.Event.Name == name {
			events = append(events, s.Event)
		}
	}
	return events
}

// Ended is how the last run of the program ended; nil: it did not.
func (r *Report) Ended() *Exit {
	all := r.Events(event.ProcessExited)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1].Exit
}

// Exited says whether the program ended by itself, with that status.
func (r *Report) Exited(code int) bool {
	x := r.Ended()
	return x != nil && x.Signal == "" && x.Code == code
}

// KilledBy says whether a signal ended the program.
func (r *Report) KilledBy(signal string) bool {
	x := r.Ended()
	return x != nil && x.Signal == signal
}

// Program is the pid of the program's last run; 0: it was not started.
func (r *Report) Program() int {
	all := r.Events(event.ServiceStarted)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].PID
}

// Deeds gives what was done to it.
func (r *Report) Deeds() (deeds []*Deed) {
	for _, s := range r.Sights {
		if s.Deed != nil {
			deeds = append(deeds, s.Deed)
		}
	}
	return deeds
}
