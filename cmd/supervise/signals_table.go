package main

import (
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"supervise/internal/signals"
)

// signalJSON is one signal as `supervise signals --json` tells it. Fields are
// added, never renamed.
type signalJSON struct {
	Number    int            `json:"number"`
	Name      signals.Signal `json:"name"`
	Default   signals.Action `json:"default"`
	Catchable bool           `json:"catchable"`
	Fault     bool           `json:"synchronous"`
	RealTime  bool           `json:"real_time"`
	Sender    string         `json:"sent_by"`
	Use       string         `json:"used_for"`
}

func asSignalJSON(s signals.Signal) signalJSON {
	a := s.About()
	return signalJSON{int(s), s, a.Default, a.Catchable(), a.Fault, s > 31, a.Sender, a.Use}
}

// catalogue shows all signals.
func (o *signalsOptions) catalogue(cmd *cobra.Command) error {
	if o.json {
		var all []signalJSON
		for s := signals.Signal(1); s <= signals.RTMAX; s++ {
			all = append(all, asSignalJSON(s))
		}
		return printValue(cmd, all)
	}
	look := screenOf(cmd.OutOrStdout())
	rows := [][6]string{{"NO", "NAME", "DEFAULT", "CATCH", "USED FOR", "SENT BY"}}
	for _, a := range signals.Catalogue() {
		catch := "yes"
		if !a.Catchable() {
			catch = "no"
		}
		rows = append(rows, [6]string{fmt.Sprint(int(a.Signal)), a.Signal.String(), string(a.Default), catch, a.Use, a.Sender})
	}
	libc, realTime := signals.Signal(32).About(), signals.RTMIN.About()
	rows = append(rows,
		[6]string{"32,33", "-", string(libc.Default), "-", libc.Use, libc.Sender},
		[6]string{"34-64", "RTMIN..", string(realTime.Default), "yes", realTime.Use, realTime.Sender})
	var width [5]int
	for _, r := range rows {
		for c := range width {
			width[c] = max(width[c], utf8.RuneCountInString(r[c]))
		}
	}
	var b strings.Builder
	for i, r := range rows {
		line := fmt.Sprintf("%*s  %-*s  %-*s  %-*s  %-*s  %s",
			width[0], r[0], width[1], r[1], width[2], r[2], width[3], r[3], width[4], r[4], r[5])
		if look.terminal {
			line = cut(line, look.columns)
		}
		if i == 0 {
			line = look.paint(bold, line)
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, `
What cannot be caught can neither be blocked nor ignored. A standard signal waits once,
however often it was sent; real-time ones (RTMIN, RTMIN+1 to RTMIN+30 = RTMAX) queue, lowest first.
Numbers are those of linux/%s; amd64, arm64 and riscv64 have the same.
`, runtime.GOARCH)
	return printed(fmt.Fprint(cmd.OutOrStdout(), b.String()))
}

// signals tells all there is to know of some signals.
func (o *signalsOptions) signals(cmd *cobra.Command, wanted []signals.Signal) error {
	if o.json {
		var all []signalJSON
		for _, s := range wanted {
			all = append(all, asSignalJSON(s))
		}
		return printValue(cmd, all)
	}
	var b strings.Builder
	for i, s := range wanted {
		if i > 0 {
			b.WriteByte('\n')
		}
		oneSignal(&b, s, screenOf(cmd.OutOrStdout()))
	}
	return printed(fmt.Fprint(cmd.OutOrStdout(), b.String()))
}

// oneSignal tells of one.
func oneSignal(b *strings.Builder, s signals.Signal, look screen) {
	a := s.About()
	fmt.Fprintf(b, "%s  number %d\n", look.paint(bold, s.String()), int(s))
	line := func(key, text string) { fmt.Fprintf(b, "  %-9s %s\n", key, text) }
	line("default", actionText(a))
	line("used for", a.Use)
	line("sent by", a.Sender)
	switch {
	case !a.Catchable():
		line("caught", "never; nor blocked, nor ignored. Only PID 1 of a PID namespace is safe from it, from within")
	case a.Fault:
		line("caught", "yes; but raised for what the thread just did, it ends the process where it is blocked or ignored")
	case s == signals.CONT:
		line("caught", "yes; it continues the process all the same, also where it is blocked or ignored")
	default:
		line("caught", "it can be, and blocked, and ignored")
	}
	switch {
	case s >= signals.RTMIN:
		line("twice", "each one sent is kept, with its value, and they come in order")
	default:
		line("twice", "sent again while it waits, it comes once")
	}
	switch a.Default {
	case signals.Ends, signals.Dumps, signals.Reserved:
		line("status", fmt.Sprintf("%d, as a shell or a container engine tells of a process that it ended (128+%d)", 128+int(s), int(s)))
	}
	line("send it", fmt.Sprintf("kill -%s PID, supervise signal %s SERVICE", killName(s), s))
}

// killName is how kill(1) of shells and procps understand a signal.
func killName(s signals.Signal) string {
	if s >= signals.RTMIN {
		return fmt.Sprint(int(s))
	}
	return s.String()
}

func actionText(a signals.About) string {
	switch a.Default {
	case signals.Ends:
		return "ends the process"
	case signals.Dumps:
		return "ends the process, with a core dump where ulimit -c allows one"
	case signals.Stops:
		return "stops the process, until CONT"
	case signals.Goes:
		return "continues a stopped process, and does nothing to one that runs"
	case signals.Reserved:
		return "ends the process; but programs do not meet it, it is the C library's own"
	}
	return "nothing"
}
