// Package top is the screen of `supervise top`: services in a table, the
// output of one below it, and keys that ask for something.
//
// [Model] is all of it that can be thought about: it takes messages (keys, what
// the supervise said, the time) and gives commands (ask this, follow that) and
// lines to show. It has no clock, no terminal and no socket. [Link] is the edge
// to the supervise, package fullscreen that to the terminal; Run in
// cmd/supervise puts the three together.
package top

import (
	"time"

	"supervise/internal/api"
	"supervise/internal/signals"
)

// Message is what a model learns, beside the events of package fullscreen.
type Message interface{ message() }

// Connected says that supervise answers; it comes again after a [Lost].
type Connected struct{ Info api.Info }

// Told is a newer account of supervise itself.
type Told struct{ Info api.Info }

// Lost says that the connection is gone, why, and when the next try is.
type Lost struct {
	Why   string
	Retry time.Time
}

// Seen is the status of services, with their usage: of all, in the order of
// their names, or of some of them that have changed.
type Seen struct {
	Services []api.Service
	All      bool
	At       time.Time
}

// Lines is output of the service that is followed.
type Lines struct {
	Of    string
	Lines []api.Line
}

// Unfollowed says that there is no more output to come, and why.
type Unfollowed struct {
	Of  string
	Why string
}

// Answered is what became of something that was asked for.
type Answered struct {
	Asked Ask
	OK    bool
	Text  string      // in words
	Plan  *api.Reload // of a dry run
}

// Tick says that time has passed; the countdowns move.
type Tick struct{}

func (Connected) message()  {}
func (Told) message()       {}
func (Lost) message()       {}
func (Seen) message()       {}
func (Lines) message()      {}
func (Unfollowed) message() {}
func (Answered) message()   {}
func (Tick) message()       {}

// Command is what a model wants done.
type Command interface{ command() }

// Ask is something for supervise to do.
type Ask struct {
	Verb   string // start, stop, restart, signal, plan (a reload's dry run), reload
	Name   string // of the service, but for plan and reload
	Signal signals.Signal
	Aim    string // main, group or tree
}

// Follow has the output of a service followed, and that of no other; "": of none.
type Follow struct{ Name string }

// Quit ends it.
type Quit struct{}

// Suspend stops the program as Ctrl-Z does.
type Suspend struct{}

// Redraw paints the whole screen anew.
type Redraw struct{}

func (Ask) command()     {}
func (Follow) command()  {}
func (Quit) command()    {}
func (Suspend) command() {}
func (Redraw) command()  {}
