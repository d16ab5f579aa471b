// Package api is what a running supervise and its clients say to each other:
// the JSON of the control socket (docs/api.md), version 1. It has the words
// and nothing else; the server is package control, the client too.
//
// Fields are added within a version, never renamed or removed; readers ignore
// fields that they do not know.
package api

import "time"

// Info is supervise itself: GET /v1/info.
type Info struct {
	Version  string         `json:"version"`
	PID      int            `json:"pid"`
	Config   string         `json:"config"` // path of the configuration, absolute
	Since    time.Time      `json:"since"`
	Replaced int            `json:"replaced,omitempty"` // how often another binary has taken over, see POST /v1/reexec
	Uptime   float64        `json:"uptime_s"`
	Stopping bool           `json:"shutting_down"`
	Orphans  int            `json:"orphans_reaped"`
	Seq      uint64         `json:"seq"`    // number of the last event
	States   map[string]int `json:"states"` // how many services are in each state; states without one are left out
}

// Service is the status of one service: GET /v1/services has an array of them,
// GET /v1/services/NAME the one, with its processes.
type Service struct {
	Name      string     `json:"name"`
	Kind      string     `json:"kind"`  // service or task
	State     string     `json:"state"` // see docs/states.md
	Since     time.Time  `json:"since"` // of the state
	Why       string     `json:"why"`
	Next      string     `json:"next"`               // what comes next by itself, in words: "starts in 4.2s"
	Due       *time.Time `json:"due,omitempty"`      // and when
	Blocked   string     `json:"blocked,omitempty"`  // who holds up what comes next: "pid 41 (worker) ignores TERM"
	Step      string     `json:"step,omitempty"`     // with starting and stopping, what it is at: "not ready: connection refused", "start.before runs"
	PID       int        `json:"pid"`                // main process; 0: none
	Ready     bool       `json:"ready"`              // what needs it can run
	ReadyBy   string     `json:"ready_by,omitempty"` // how it is found out that it is ready: notify, fd, tcp, http, exec, file, log; "": as soon as it runs
	Health    string     `json:"health,omitempty"`   // of what runs: "well", "unwell: …"; "": nobody looks
	Lazy      bool       `json:"lazy,omitempty"`     // a connection can start it
	Armed     bool       `json:"armed,omitempty"`    // its first connection starts it
	Says      string     `json:"says,omitempty"`     // what this run, or the last, had to say to people (STATUS in sd_notify(3))
	About     string     `json:"about,omitempty"`    // and what it says that it is doing: "is reloading"
	Started   *time.Time `json:"started,omitempty"`  // of this run, or the last
	Uptime    float64    `json:"uptime_s"`           // of this run; 0 when it does not run
	Restarts  int        `json:"restarts"`           // since it was asked for
	LastExit  *Exit      `json:"last_exit"`          // null: it has not ended yet
	Needs     []string   `json:"needs,omitempty"`
	Command   []string   `json:"command,omitempty"`
	Autostart bool       `json:"autostart"`
	Sockets   []string   `json:"sockets,omitempty"` // that are opened for it: "tcp://127.0.0.1:8080"
	Log       string     `json:"log"`               // where its output goes: console, inherit, none, or the path of a file

	// With usage=1, and for one service always.
	CPU    *float64 `json:"cpu_s,omitempty"`        // processor seconds used so far: in its cgroup, else by its living processes and the children they waited for
	Memory *uint64  `json:"memory_bytes,omitempty"` // charged to its cgroup, without droppable file pages; else resident set sizes together, where shared pages count for each

	// For one service only.
	Processes   []Process `json:"processes,omitempty"`
	Connections *int      `json:"connections,omitempty"` // to its stream sockets that are open at the client's end, accepted or not; missing: it has none, or they cannot be counted
	Stored      []string  `json:"stored,omitempty"`      // names of the descriptors that it left with supervise (FDSTORE)
}

// Exit is how a run ended.
type Exit struct {
	Code   *int      `json:"code"`   // null when a signal ended it
	Signal string    `json:"signal"` // "" when it exited
	At     time.Time `json:"at"`
	Text   string    `json:"text"` // "exited 1", "killed by KILL", "could not start: …"
	Up     float64   `json:"up_s"` // how long it had run
}

// Process is one process of a service's tree.
type Process struct {
	PID     int     `json:"pid"`
	PPID    int     `json:"ppid"`
	Name    string  `json:"name"`
	Command string  `json:"command"` // its arguments, spaces between
	State   string  `json:"state"`   // R, S, D, T, t, Z as in proc(5)
	Threads int     `json:"threads"`
	CPU     float64 `json:"cpu_s"`
	Memory  uint64  `json:"memory_bytes"` // resident set size
	Main    bool    `json:"main"`
}

// Outcome answers POST /v1/start, stop, restart and GET /v1/wait: with status
// 200 what was asked for has happened for all services, with 202 nobody waited
// for it, with 409 it did not happen, with 504 not within the time given.
type Outcome struct {
	OK       bool     `json:"ok"`
	Services []Result `json:"services"`
}

// Result is the outcome for one service.
type Result struct {
	Name  string   `json:"name"`
	OK    bool     `json:"ok"`
	State string   `json:"state"`
	PID   int      `json:"pid"`
	Why   string   `json:"why,omitempty"`   // of the state; when it is not OK: what is wrong, or what it waits for
	Lines []string `json:"lines,omitempty"` // the last of its output, when it failed to start
}

// Boot is how the start went: GET /v1/boot. It has the services that were asked
// for when supervise began; those that are up first, in the order in which they
// became ready.
type Boot struct {
	Began    time.Time  `json:"began"`
	Took     float64    `json:"took_s"`  // until the last of those that are up was ready
	Missing  int        `json:"missing"` // how many are not up
	Services []BootStep `json:"services"`
}

// BootStep is how one service came up. Each part is missing that has not come to
// its end.
type BootStep struct {
	Name     string   `json:"name"`
	State    string   `json:"state"` // now
	Why      string   `json:"why,omitempty"`
	Up       bool     `json:"up"`                   // it has been ready, or a task has succeeded
	Waited   *float64 `json:"waited_s,omitempty"`   // from the beginning, for others
	For      string   `json:"for,omitempty"`        // the last of them
	Prepared *float64 `json:"prepared_s,omitempty"` // start.before, and the making of its process
	Readied  *float64 `json:"readied_s,omitempty"`  // from its process until it was ready, with start.after; of a task, until it had succeeded
	Critical bool     `json:"critical"`             // it is on the critical path: had it been quicker, the whole start would have been
	Share    float64  `json:"share_s,omitempty"`    // of the critical path: until the next on it could go; they sum up to the whole
}

// Sent answers POST /v1/signal.
type Sent struct {
	Signal   string `json:"signal"`
	Services []To   `json:"services"`
}

// To is what became of a signal for one service.
type To struct {
	Name string `json:"name"`
	To   string `json:"to,omitempty"`    // "process 41", "group 41", "3 processes"
	Err  string `json:"error,omitempty"` // it was not sent
}

// Reload answers POST /v1/reload. With status 422 the configuration is not
// valid, Errors say why, and nothing was changed.
type Reload struct {
	DryRun   bool     `json:"dry_run"`
	Changes  []Change `json:"changes"` // services that stay as they are have none
	Kept     int      `json:"kept"`    // how many those are
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Reexec answers POST /v1/reexec. It is the new binary that does.
type Reexec struct {
	PID    int     `json:"pid"`
	Binary string  `json:"binary"`
	Was    string  `json:"was"`     // the version before
	Is     string  `json:"is"`      // and now
	Paused float64 `json:"pause_s"` // how long nothing was supervised
}

// Change is what a reload does to one service.
type Change struct {
	Name   string   `json:"name"`
	Action string   `json:"action"`         // add, start, restart, update (without a restart), remove
	Keys   []string `json:"keys,omitempty"` // what is different: "command", "stop.ladder"
}

// Line is one line of a service's output: GET /v1/logs gives one in each line.
type Line struct {
	Time    *time.Time `json:"time,omitempty"` // when it was read; missing when that was not kept
	Service string     `json:"service"`
	Line    string     `json:"line"`           // without its newline
	Raw     []byte     `json:"raw,omitempty"`  // the line as base64, when it is not UTF-8 and Line is therefore not quite it
	Part    bool       `json:"part,omitempty"` // a piece of a line that was cut: it continues the one before
	Lost    int        `json:"lost,omitempty"` // in place of a line: so many bytes are gone, because the reader was too slow
}

// Health answers GET /v1/health, with status 200 when OK and 503 when not.
type Health struct {
	OK       bool     `json:"ok"`
	Why      string   `json:"why"`
	Services []Result `json:"services"` // those that are not as they should be
}

// Problem is the body of every answer with a status of 400 and more that has
// no other.
type Problem struct {
	Msg string `json:"error"` // what is wrong and what to do, in one sentence
}

func (p *Problem) Error() string { return p.Msg }
