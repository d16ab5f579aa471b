package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"supervise/internal/policy"
)

// backoffFlags are the words in which `run` and `policy` speak of restarts:
// --retries, --backoff, --factor and --jitter.
type backoffFlags struct {
	set     *pflag.FlagSet
	backoff policy.Backoff
	retries int
}

// addBackoffFlags adds the flags to a command.
func addBackoffFlags(fs *pflag.FlagSet) *backoffFlags {
	f := &backoffFlags{set: fs, backoff: policy.Default().Backoff}
	fs.Var(&parsed{kind: "N", text: "0", parse: intoCount(&f.retries)}, "retries",
		"restart at most N times, on failure (0: never)")
	fs.Var(&parsed{kind: "MIN..MAX", text: "100ms..30s", parse: f.parseRange}, "backoff",
		"delay before the first restart, and the longest that it grows to")
	fs.Var(&parsed{kind: "F", text: "2", parse: f.parseFactor}, "factor",
		"what each delay is multiplied by to give the next, at least 1")
	fs.Var(&parsed{kind: "J", text: "0.1", parse: f.parseJitter}, "jitter",
		"share of each delay that is random, from 0 to 1")
	return f
}

// Restart is the policy for a single run: no restart without --retries, else
// so many after a failure, however long the runs take.
func (f *backoffFlags) Restart() (policy.Restart, error) {
	r := policy.Default()
	if f.set.Changed("retries") {
		return f.apply(r), nil
	}
	for _, name := range []string{"backoff", "factor", "jitter"} {
		if f.set.Changed(name) {
			return r, exit{exitUsage, fmt.Errorf("--%s has no effect without a restart: add --retries N", name)}
		}
	}
	r.When = policy.Never
	return r, nil
}

// apply changes in r what the command line speaks of.
func (f *backoffFlags) apply(r policy.Restart) policy.Restart {
	if f.set.Changed("backoff") {
		r.Backoff.Initial, r.Backoff.Max, r.Backoff.Delays = f.backoff.Initial, f.backoff.Max, nil
	}
	if f.set.Changed("factor") {
		r.Backoff.Factor, r.Backoff.Delays = f.backoff.Factor, nil
	}
	if f.set.Changed("jitter") {
		r.Backoff.Jitter = f.backoff.Jitter
	}
	if f.set.Changed("retries") {
		r.Limit, r.Within = f.retries+1, 0
		switch {
		case f.retries == 0:
			r.When = policy.Never
		case r.When == policy.Never:
			r.When = policy.OnFailure
		}
	}
	return r
}

func (f *backoffFlags) parseRange(text string) error {
	left, right, ok := strings.Cut(text, "..")
	if !ok {
		return errors.New("write MIN..MAX, as in 100ms..30s; 5s..5s is always 5s")
	}
	least, err := parseDelay(left)
	if err != nil {
		return err
	}
	most, err := parseDelay(right)
	if err != nil {
		return err
	}
	if least > most {
		return fmt.Errorf("%s is longer than %s: write the shorter one first, MIN..MAX", left, right)
	}
	f.backoff.Initial, f.backoff.Max = least, most
	return nil
}

func (f *backoffFlags) parseFactor(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 1) || math.IsInf(x, 0) {
		return errors.New("write a number from 1 up, as in 2 or 1.5; 1 keeps the delay as it is")
	}
	f.backoff.Factor = x
	return nil
}

func (f *backoffFlags) parseJitter(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0 && x <= 1) {
		return errors.New("write a number from 0 (none) to 1, as in 0.1 for a tenth more or less")
	}
	f.backoff.Jitter = x
	return nil
}

// parsed is a flag whose text a function reads. It shows its kind and its
// default in the help as people write them.
type parsed struct {
	kind, text string
	parse      func(string) error
}

func (p *parsed) Set(text string) error {
	if err := p.parse(text); err != nil {
		return err
	}
	p.text = text
	return nil
}

func (p *parsed) String() string { return p.text }
func (p *parsed) Type() string   { return p.kind }

// intoCount reads a number of times.
func intoCount(into *int) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("write a whole number from 0 to %d", math.MaxInt32)
		}
		*into = int(n)
		return nil
	}
}

// intoTime reads a time that is not negative.
func intoTime(into *time.Duration) func(string) error {
	return func(text string) (err error) {
		*into, err = parseDelay(text)
		return err
	}
}

func parseDelay(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if _, number := strconv.ParseFloat(text, 64); err != nil && number == nil {
		return 0, fmt.Errorf("%s has no unit: write %ss, or another time like 500ms or 1m30s", text, text)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no time: write it as in 500ms, 10s or 1m30s", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("%s is negative: a time goes from 0 up", text)
	}
	return d, nil
}
