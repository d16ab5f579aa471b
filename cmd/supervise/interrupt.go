package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"supervise/internal/signals"
)

// interrupted says that a signal ended our waiting.
type interrupted struct {
	signal syscall.Signal
	stands string // what becomes of what was asked for
}

func (i interrupted) Error() string {
	return fmt.Sprintf("%s; %s", signals.Signal(i.signal), i.stands)
}

// untilInterrupted gives a context that ends when we are to end: a client that
// goes takes nothing back of what it has asked for, and says so.
func untilInterrupted(ctx context.Context, stands string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup, or a shell's background
			signal.Notify(caught, s)
		}
	}
	go func() {
		select {
		case s := <-caught:
			cancel(interrupted{s.(syscall.Signal), stands})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		cancel(nil)
	}
}

// goesOn is what becomes of a request when nobody waits for it any more.
const goesOn = "what was asked for stands, and supervise goes on with it"
