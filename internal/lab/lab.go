// Package lab is the course on signals: its labs, what happens in them, what a
// learner's program is asked to do, and the words for all of it in two
// languages. Texts and programs are in examples/lab.
//
// Everything here is pure. A [Play] says what is done to a program; package
// stage does it, under the recorder of `supervise run`, and gives a [Report] of
// what was seen. [Summarise] tells that in sentences, [Exercise.Judge] says
// what of it is not as asked, and where to look.
package lab

import (
	"fmt"
	"strconv"
	"strings"
)

// Lab is one lesson.
type Lab struct {
	Number   int
	Name     string // "timeout"
	Title    Words
	Plays    []Play // what `lab run` shows, one after the other
	Exercise Exercise
}

// Play is one run of a program: what it is started with, and what happens to it.
type Play struct {
	Title   Words    // what to look at; empty: the lab's title says it
	Flags   []string // of supervise run
	Command []string // empty: python3 program.py
	Plot    bool     // the attempts of a herd are drawn in place of the summary
	Needs   []string // programs without which the play is left out
	Steps   []Step
}

// Exercise is what a learner's program is asked to do.
type Exercise struct {
	Task  Words
	Cases []Case
}

// Case is one run of the learner's program, and what is to be seen in it.
type Case struct {
	Title Words
	Flags []string // of supervise run
	Args  []string // of the learner's program
	Steps []Step
	Wants []Want // the first that does not hold is the one to look at
}

// Want is one thing that is to be seen.
type Want struct {
	Says  Words // the behaviour in words: "TERM ends it with status 0"
	Holds func(*Report) bool
	Hints []Hint // the first that fits is given
}

// Hint says where to look when something was not seen.
type Hint struct {
	ID   string             // for tests and programs: "not-cancelled"
	When func(*Report) bool // nil: always
	Says Words
}

// Course gives all labs, in order.
func Course() []Lab {
	return []Lab{
		handling(), senders(), faults(), late(), alarms(), timeout(), retries(),
		groups(), forwarding(), zombies(), escalation(), translation(), queues(), server(),
	}
}

// Dir is where the files of the lab are: "06-timeout".
func (l *Lab) Dir() string { return fmt.Sprintf("%02d-%s", l.Number, l.Name) }

// File is what a learner's own program is called: "06-timeout.py".
func (l *Lab) File() string { return l.Dir() + ".py" }

// Find gives the lab that word means: "6", "06", "timeout", "06-timeout", "06-timeout.py".
func Find(labs []Lab, word string) (*Lab, bool) {
	number, err := strconv.Atoi(word)
	for i := range labs {
		l := &labs[i]
		if err == nil && l.Number == number || word == l.Name || strings.TrimSuffix(word, ".py") == l.Dir() {
			return l, true
		}
	}
	return nil, false
}
