// Package supervisor keeps services running, and stops them.
//
// It has a pure half and a half that acts:
//
//	machine.go   Machine: the life of one service. (input, time) → (machine, actions)
//	  start.go, hook.go, health.go, stop.go: its behaviour, in the order of a life
//	set.go       Set: all services, what is asked of them, the shutdown
//	  order.go, together.go, reload.go, due.go, boot.go, status.go: what concerns several
//	loop.go      Loop: the goroutine that owns a Set, takes messages and acts
//	  given.go, hooks.go, looks.go, said.go, mainpid.go, waits.go: for each kind of action
//	  asked.go: for those who ask
//	program.go   what signals mean to `run`, which has one program
//	services.go  what signals mean to `up`, which has services
//
// The pure half has no clock, no goroutine and no system call, so that any
// order of crashes, signals and deadlines can be tried in memory
// (machine_test.go). The acting half decides nothing: it turns what happens
// into inputs, and actions into system calls.
//
// The whole package, with the trees and the reaper below it, is played through in a
// world in memory (simulation_test.go), which mutants/ holds to finding mistakes.
//
// There is one queue, Loop's inbox, and one goroutine that reads it. Who wants
// something of a running supervise sends a message.
package supervisor
