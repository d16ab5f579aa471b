package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/control"
	"supervise/internal/event"
	"supervise/internal/remains"
	"supervise/internal/signals"
	"supervise/internal/supervisor"
	"supervise/internal/tree"
)

// predecessor is what is known of a supervise that ended without its shutdown, and
// what we did about what it left.
type predecessor struct {
	lost      []int // its pid; several, if more than one was killed
	ended     []string
	survivors []remains.Process
	spared    []string // texts: what was left alone, and why
	records   []remains.Record
}

// clearUp ends what a supervise of the same configuration has left that was
// killed. goOn: we were not told meanwhile to stop.
func clearUp(cfg *config.Config, socket *control.Listener, receiver *signals.Receiver) (was predecessor, goOn bool) {
	if os.Getpid() == 1 { // whatever was here has ended with the PID 1 before us
		return was, true
	}
	if socket == nil {
		was.doubt(cfg)
		return was, true
	}
	search := remains.NewSearch(remains.Read(socket.Notes()))
	if text := search.Spared(); text != "" {
		was.spared = append(was.spared, text)
	}
	was.lost = search.Lost()
	if len(was.lost) == 0 {
		return was, true
	}
	failed := func(err error) { // the next one may do better
		was.records = search.Records()
		was.spared = append(was.spared, fmt.Sprintf("what %s has left, which cannot be looked for: %v", pids(was.lost), err))
	}
	ours, spared, err := search.Left()
	if err != nil {
		failed(err)
	}
	for _, p := range spared {
		was.spared = append(was.spared, fmt.Sprintf("%s, which the supervise of pid %d has left: we run below it, or a supervise that lives has started it", p, p.Of))
	}
	if len(ours) == 0 {
		return was, true
	}
	ladders := map[string][]config.Rung{}
	for i := range cfg.Services {
		if s := &cfg.Services[i]; !s.Stop.Unbounded() {
			ladders[strings.ReplaceAll(s.Name, "/", "_")] = s.Stop.InShutdown()
		}
	}
	told := false
	ending := remains.Ending{
		Left: func() ([]remains.Process, error) {
			ours, _, err := search.Left()
			return ours, err
		},
		Ladder: func(service string) []config.Rung {
			if ladder := ladders[service]; ladder != nil {
				return ladder
			}
			return restLadder
		},
		Hurry: func() bool {
			told = told || slices.ContainsFunc(receiver.Waiting(), supervisor.EndsUp)
			return told
		},
	}
	fmt.Fprintf(os.Stderr, "supervise: warning: %s ended without a shutdown; what it has left is stopped first: %s\n", pids(was.lost), list(ours))
	if was.ended, was.survivors, err = ending.Run(); err != nil {
		failed(err)
	} else if len(was.survivors) > 0 {
		was.records = search.Records()
	}
	return was, !told
}

// doubt names what may have been left. Without a control socket nobody can tell
// whose it was.
func (was *predecessor) doubt(cfg *config.Config) {
	var names []string
	for i := range cfg.Services {
		names = append(names, strings.ReplaceAll(cfg.Services[i].Name, "/", "_"))
	}
	if found := remains.Doubtful(names); len(found) > 0 {
		was.spared = append(was.spared, list(found)+", which "+pids(of(found))+" has left; if it was of this configuration, which nobody can tell without a control socket, stop them by hand (kill)")
	}
}

// tell tells of it.
func (was *predecessor) tell(loop *supervisor.Loop) {
	if len(was.lost) > 0 {
		why := pids(was.lost) + " ended without a shutdown; "
		switch {
		case len(was.ended)+len(was.survivors) == 0:
			why += "no process of it is left"
		case len(was.ended) > 0:
			why += "what it had left was stopped: " + strings.Join(was.ended, ", ")
		}
		if len(was.survivors) > 0 {
			why = strings.TrimSuffix(why, "; ") + "; these have survived their whole ladder: " + list(was.survivors)
		}
		loop.Report(event.Event{Name: event.SuperviseLost, PID: was.lost[len(was.lost)-1], Why: why})
	}
	for _, text := range was.spared {
		loop.Report(event.Event{Name: event.RemainsSpared, Why: text})
	}
}

// note leaves a note for the supervise after us, should we not come to our shutdown.
func (was *predecessor) note(host *tree.Host, socket *control.Listener) error {
	if socket == nil {
		return nil
	}
	return socket.Note(remains.Note(append(was.records, remains.Own(host))))
}

func pids(all []int) string {
	var texts []string
	for _, pid := range all {
		texts = append(texts, strconv.Itoa(pid))
	}
	return "the supervise of pid " + strings.Join(texts, ", ")
}

func of(all []remains.Process) (pids []int) {
	for _, p := range all {
		pids = append(pids, p.Of)
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// mostListed bounds how many processes are named.
const mostListed = 20

func list(all []remains.Process) string {
	var texts []string
	for i, p := range all {
		if i == mostListed {
			texts = append(texts, fmt.Sprintf("and %d more", len(all)-mostListed))
			break
		}
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}
