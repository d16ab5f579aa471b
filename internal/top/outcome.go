package top

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"supervise/internal/api"
)

// Ask asks for something and tells its outcome, however long it takes.
func (l *Link) Ask(ctx context.Context, a Ask) {
	ok, text, plan := l.ask(ctx, a)
	if ctx.Err() == nil {
		l.say(Answered{a, ok, text, plan})
	}
}

func (l *Link) ask(ctx context.Context, a Ask) (ok bool, text string, plan *api.Reload) {
	var err error
	var status int
	switch a.Verb {
	case "plan", "reload":
		query := url.Values{}
		if a.Verb == "plan" {
			query.Set("dry_run", "1")
		}
		var r api.Reload
		if _, err = l.client.Call(ctx, "POST", "/v1/reload", query, &r); err == nil {
			ok, text = Reloaded(r)
			if a.Verb == "plan" {
				plan = &r
			}
		}
	case "signal":
		var sent api.Sent
		query := url.Values{"name": {a.Name}, "signal": {a.Signal.String()}, "to": {a.Aim}}
		if _, err = l.client.Call(ctx, "POST", "/v1/signal", query, &sent); err == nil {
			ok, text = Delivery(a, sent)
		}
	default:
		var o api.Outcome
		if status, err = l.client.Call(ctx, "POST", "/v1/"+a.Verb, url.Values{"name": {a.Name}}, &o); err == nil {
			ok, text = Outcome(a, o, status)
		}
	}
	if err != nil {
		return false, a.doing() + ": " + err.Error(), nil
	}
	return ok, text, plan
}

// Outcome says in words what became of a start, a stop or a restart.
func Outcome(a Ask, o api.Outcome, status int) (ok bool, text string) {
	done := map[string]string{"start": "started", "stop": "stopped", "restart": "restarted"}[a.Verb]
	for _, r := range o.Services {
		if !r.OK {
			text := fmt.Sprintf("%s was not %s: it is %s", r.Name, done, joined(", ", r.State, r.Why))
			if n := len(r.Lines); n > 0 {
				text += "; its last line: " + r.Lines[n-1]
			}
			return false, text
		}
		text = joined("; ", text, r.Name+" "+done)
		if r.PID != 0 {
			text += ": pid " + itoa(r.PID)
		}
	}
	if !o.OK || text == "" {
		return false, fmt.Sprintf("%s: supervise answered with status %d", a.doing(), status)
	}
	return true, text
}

// Delivery says in words what became of a signal.
func Delivery(a Ask, sent api.Sent) (ok bool, text string) {
	for _, to := range sent.Services {
		if to.Err != "" {
			return false, fmt.Sprintf("%s was not sent to %s: %s", sent.Signal, to.Name, to.Err)
		}
		text = joined("; ", text, fmt.Sprintf("%s sent to %s of %s", sent.Signal, to.To, to.Name))
	}
	return text != "", text
}

// Reloaded says in words what a reload does, or has done.
func Reloaded(r api.Reload) (ok bool, text string) {
	if len(r.Errors) > 0 {
		text = "the configuration was not taken: " + r.Errors[0]
		if more := len(r.Errors) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more; see supervise check)", more)
		}
		return false, text
	}
	var parts []string
	for _, action := range []string{"add", "start", "restart", "update", "remove"} {
		var names []string
		for _, c := range r.Changes {
			if c.Action == action {
				names = append(names, c.Name)
			}
		}
		if n := len(names); n > 3 {
			names = append(names[:2:2], itoa(n-2)+" more")
		}
		if len(names) > 0 {
			parts = append(parts, action+" "+strings.Join(names, ", "))
		}
	}
	if parts == nil {
		parts = []string{"no change"}
	}
	return true, "reload: " + strings.Join(append(parts, "keep "+itoa(r.Kept)), "; ")
}
