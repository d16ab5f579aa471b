package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"supervise/internal/api"
	"supervise/internal/fullscreen"
	"supervise/internal/top"
)

func newTopCommand() *cobra.Command {
	var f clientFlags
	return newClientCommand(&cobra.Command{
		Use:   "top",
		Short: "watch and steer a running supervise, on the whole screen",
		Long: `Show the services of a running supervise as they are now, with the output of
one of them, and start, stop, restart and signal them by a key. ? shows all
keys. When the connection is lost it waits for supervise to come back.

Exit status: 0 when it was left; 2 wrong usage, or no terminal; 3 no supervise
could be asked; 128+N when signal N ended it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := f.connect()
			if err != nil {
				return err
			}
			return showTop(a)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}, &f)
}

// showTop has the screen until somebody quits.
func showTop(a asker) error {
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil || os.Getenv("TERM") == "dumb" {
			return exit{exitUsage, errors.New("top needs a terminal with a screen; for text and for programs there is: supervise status, and supervise status --json")}
		}
	}
	// What is wrong from the start is better said on the screen as it is.
	if _, _, err := a.ask(context.Background(), "GET", "/v1/info", nil, new(api.Info)); err != nil {
		return err
	}
	terminal, err := fullscreen.Open(os.Stdin, os.Stdout)
	if err != nil {
		return exit{exitFailed, err}
	}
	defer terminal.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages := make(chan top.Message)
	link := top.NewLink(a.Client, func(m top.Message) {
		select {
		case messages <- m:
		case <-ctx.Done():
		}
	}, terminal.Go)
	terminal.Go(func() { link.Run(ctx) })

	model := top.New(screenOf(os.Stdout).colour, speaksUTF8(false))
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		var message any
		select {
		case message = <-terminal.Events():
		case message = <-messages:
		case <-second.C:
			message = top.Tick{}
		}
		for _, c := range model.Update(message, time.Now()) {
			switch c := c.(type) {
			case top.Quit:
				if gone, ok := message.(fullscreen.Gone); ok && gone.Signal != 0 {
					return exit{status: 128 + int(gone.Signal)}
				}
				return nil
			case top.Suspend:
				terminal.Suspend()
			case top.Redraw:
				terminal.Redraw()
			case top.Follow:
				link.Follow(ctx, c.Name)
			case top.Ask:
				terminal.Go(func() { link.Ask(ctx, c) })
			}
		}
		if err := terminal.Paint(model.View()); err != nil {
			return exit{exitFailed, fmt.Errorf("writing to the terminal: %w", err)}
		}
	}
}

// speaksUTF8 says whether the terminal shows more than ASCII, as locale(7) has
// it: the first of these that is set decides; where none is, unset does.
func speaksUTF8(unset bool) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return unset
}
