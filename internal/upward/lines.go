package upward

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Watchdog is a sign of life.
const Watchdog = "WATCHDOG=1"

// maxStatus bounds a status, in bytes: systemd takes more, people don't.
const maxStatus = 400

// Status is a line for people and, with ready, the message that all is up.
func Status(ready bool, text string) string {
	if ready {
		return "READY=1\nSTATUS=" + oneLine(text)
	}
	return "STATUS=" + oneLine(text)
}

// Reloading says that the configuration is read again. The time, in
// microseconds of CLOCK_MONOTONIC, is how systemd's Type=notify-reload knows
// that this is the answer to its HUP and not to an earlier one.
func Reloading(mono time.Duration) string {
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", mono.Microseconds())
}

// Stopping says that the shutdown has begun, and how long it may take (0:
// nobody knows). Without that, systemd kills us after its own TimeoutStopSec.
func Stopping(longest time.Duration) string {
	if longest <= 0 {
		return "STOPPING=1"
	}
	return fmt.Sprintf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%d", longest.Microseconds())
}

// oneLine makes valid UTF-8 without control characters of a text: a newline
// would begin another assignment.
func oneLine(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= maxStatus {
		return text
	}
	text = text[:maxStatus-len("…")]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}
