package lab

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"time"
)

// Progress is what a learner has done, by the number of the lab.
type Progress struct {
	Labs map[string]Done `json:"labs"`
}

// Done is what was done of one lab.
type Done struct {
	Ran    time.Time `json:"ran,omitzero"`
	Tries  int       `json:"tries,omitempty"` // checks until the first that passed
	Passed time.Time `json:"passed,omitzero"`
}

// ErrNoHome says that there is nowhere to keep progress.
var ErrNoHome = errors.New("neither XDG_STATE_HOME nor HOME is set")

// ProgressFile is where progress is kept, by the XDG base directory
// specification: a relative path in XDG_STATE_HOME counts as none.
func ProgressFile(getenv func(string) string) (string, error) {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return "", ErrNoHome
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "supervise", "lab.json"), nil
}

// ParseProgress reads what [Progress.Format] wrote.
func ParseProgress(b []byte) (Progress, error) {
	var p Progress
	err := json.Unmarshal(b, &p)
	return p, err
}

// Format writes it as JSON.
func (p Progress) Format() []byte {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		panic(err) // a year past 9999
	}
	return append(b, '\n')
}

// Of is what was done of a lab.
func (p Progress) Of(number int) Done { return p.Labs[strconv.Itoa(number)] }

// Ran gives the progress with a lab that was run.
func (p Progress) Ran(number int, now time.Time) Progress {
	d := p.Of(number)
	d.Ran = now
	return p.with(number, d)
}

// Checked gives the progress with a check of an exercise. One that has passed
// stays so.
func (p Progress) Checked(number int, passed bool, now time.Time) Progress {
	d := p.Of(number)
	if d.Passed.IsZero() {
		d.Tries++
		if passed {
			d.Passed = now
		}
	}
	return p.with(number, d)
}

func (p Progress) with(number int, d Done) Progress {
	labs := map[string]Done{strconv.Itoa(number): d}
	for key, done := range p.Labs {
		if key != strconv.Itoa(number) {
			labs[key] = done
		}
	}
	return Progress{Labs: labs}
}
