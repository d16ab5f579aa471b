package signals

import (
	"fmt"
	"strings"
)

// Drop stands in a [Translation] for a signal that is not passed on.
const Drop = Signal(0)

// Translation says what a received signal becomes before it is delivered. A
// signal that is not in it stays itself.
type Translation map[Signal]Signal

// Apply gives the signal to deliver in place of s, and false when s is dropped.
func (t Translation) Apply(s Signal) (Signal, bool) {
	to, ok := t[s]
	if !ok {
		return s, true
	}
	return to, to != Drop
}

// ParseRule reads one rule as the command line writes it, "TERM:QUIT"; the
// second part "0" or "drop" drops the signal.
func ParseRule(text string) (from, to Signal, err error) {
	left, right, ok := strings.Cut(text, ":")
	if !ok {
		return 0, 0, fmt.Errorf("%q is no translation: write FROM:TO, as in TERM:QUIT, or FROM:0 to drop", text)
	}
	if from, err = Parse(left); err != nil {
		return 0, 0, err
	}
	if from == KILL || from == STOP {
		return 0, 0, fmt.Errorf("%s cannot be translated: the kernel never shows it to a process", from)
	}
	to, err = ParseTarget(right)
	return from, to, err
}

// ParseTarget reads the right side of a rule: a signal, or "0" or "drop".
func ParseTarget(text string) (Signal, error) {
	if text == "0" || strings.EqualFold(text, "drop") {
		return Drop, nil
	}
	return Parse(text)
}
