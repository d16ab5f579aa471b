package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"supervise/internal/visible"
)

// Error is one thing that is wrong (or, among the warnings, doubtful) in a
// configuration, and where.
type Error struct {
	Position
	Key  string // "services.web.restart.initial"; "" when it concerns no key
	Msg  string // what is wrong
	Hint string // what to do; may be ""
}

// Error gives one line: "file:line:col: key: message; hint". A file may have
// any name, and a key any character.
func (e Error) Error() string {
	var b strings.Builder
	if at := e.Position.String(); at != "" {
		b.WriteString(at + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return visible.Text(b.String())
}

// Errors is all that is wrong in a configuration, sorted by place.
type Errors []Error

// Error gives one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// String gives "file:line:col", as far as these are known. Compilers write
// places so, and editors jump to them.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("line %d", p.Line)
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// report collects what is wrong while a configuration is read. The same thing
// said twice, as of a default that many services share, is kept once.
type report struct {
	errors, warnings Errors
	seen             map[Error]bool
}

func (r *report) fail(n *node, msg, hint string) {
	r.failAt(n.at, n.path, msg, hint)
}

func (r *report) failAt(at Position, key, msg, hint string) {
	r.add(&r.errors, Error{Position: at, Key: key, Msg: msg, Hint: hint})
}

func (r *report) warnAt(at Position, key, msg, hint string) {
	r.add(&r.warnings, Error{Position: at, Key: key, Msg: msg, Hint: hint})
}

func (r *report) add(list *Errors, e Error) {
	if r.seen[e] {
		return
	}
	if r.seen == nil {
		r.seen = map[Error]bool{}
	}
	r.seen[e] = true
	*list = append(*list, e)
}

// sort puts the errors in the order of their places. What has no line stands
// at the head of its file.
func (e Errors) sort() Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Key, b.Key))
	})
	return e
}
