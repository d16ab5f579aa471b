package event

import (
	"fmt"
	"time"
)

// Text tells the event in words, without time and service.
func (e *Event) Text() string {
	switch e.Name {
	case SuperviseStarted:
		return fmt.Sprintf("supervise started, pid %d", e.PID)
	case SuperviseEnded:
		return "supervise ends: " + e.Why
	case SuperviseReplacing:
		return "supervise is about to be replaced: " + e.Why
	case SuperviseReplaced:
		return "supervise was replaced: " + e.Why
	case SuperviseStays:
		return "supervise is not replaced: " + e.Why
	case SuperviseLost:
		return e.Why
	case RemainsSpared:
		return "left alone: " + e.Why
	case ShutdownBegun:
		return "shutting down: " + e.Why
	case ShutdownHurried:
		return "hurrying: " + e.Why
	case ServiceWaiting:
		return "waiting: " + e.Why
	case ServiceStarting:
		return "starting" + colon(e.Why)
	case ServiceStarted:
		return fmt.Sprintf("started, pid %d", e.PID)
	case ServiceRunning:
		return fmt.Sprintf("running, pid %d", e.PID)
	case ServiceStopping:
		return "stopping" + colon(e.Why)
	case ServiceStopped:
		return "stopped" + colon(e.Why)
	case ServiceDone:
		return "done" + colon(e.Why)
	case ServiceFailed:
		return "failed" + colon(e.Why)
	case ServiceOutput:
		return e.Line
	case ProcessExited:
		if e.Up == 0 && e.Why != "" { // no longer the main process: nobody measured
			return fmt.Sprintf("%s, pid %d, %s", e.Exit, e.PID, e.Why)
		}
		return fmt.Sprintf("%s after %s, pid %d", e.Exit, Roughly(e.Up), e.PID)
	case ProcessStopped:
		return fmt.Sprintf("stopped by %s, pid %d", e.Signal, e.PID)
	case ProcessContinued:
		return fmt.Sprintf("continued, pid %d", e.PID)
	case StartFailed:
		return "could not start: " + e.Why
	case BackoffScheduled:
		return "backoff: " + e.Why
	case OrphanReaped:
		return fmt.Sprintf("reaped orphan %d, %s", e.PID, e.Exit)
	case SignalReceived:
		return fmt.Sprintf("%s from %s", e.Signal, e.FromText())
	case SignalSent:
		return fmt.Sprintf("%s sent to %s%s", e.signal(), e.To, colon(e.Why))
	case SignalDropped:
		return fmt.Sprintf("%s dropped%s", e.signal(), colon(e.Why))
	case SignalFailed:
		return fmt.Sprintf("%s could not be sent: %s", e.signal(), e.Why)
	case SignalOutcome:
		return e.outcome()
	case StopEscalated:
		return fmt.Sprintf("%s, so %s is next", e.Why, e.Signal)
	case StopBlocked:
		return "still waiting: " + e.Why
	case StopAbandoned:
		return "left behind: " + e.Why
	case RunTimedOut, StartTimedOut:
		return "timeout: " + e.Why
	case HookFailed:
		return "hook failed: " + e.Why
	case MainChanged:
		return fmt.Sprintf("main process is %d%s", e.PID, colon(e.Why))
	case HealthLost:
		return "unhealthy: " + e.Why
	case NotifyRefused:
		return "notification refused: " + e.Why
	case ServiceSays:
		return "says: " + e.Why
	case WatchFailed:
		return "files not watched: " + e.Why
	case IdleUnknown:
		return "idle or not is unknown: " + e.Why
	case FilesFailed:
		return "files for sv not kept: " + e.Why
	case RollEnded:
		return "rolling restart ended: " + e.Why
	case HealthRegained:
		return "healthy again"
	case WatchdogMissed:
		return "watchdog: " + e.Why
	case LogBlocked:
		return "log blocked: " + e.Why
	case LogResumed:
		return "log resumed: " + e.Why
	case LogDropped:
		return "log dropped: " + e.Why
	case LogRotated:
		return "log rotated: " + e.Why
	case LogUncompressed:
		return "log not compressed: " + e.Why
	case EventsMissed:
		return e.Why
	case ConfigReloading:
		return "reading the configuration again" + colon(e.Why)
	case ConfigReloaded:
		return "configuration reloaded" + colon(e.Why)
	case ConfigRejected:
		return "configuration not taken over, nothing has changed: " + e.Why
	}
	return string(e.Name) + colon(e.Why)
}

// signal is the signal with what it was before it was translated.
func (e *Event) signal() string {
	if e.Was != 0 {
		return fmt.Sprintf("%s (for %s)", e.Signal, e.Was)
	}
	return e.Signal.String()
}

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// Roughly rounds a duration to what people read: two or three digits.
func Roughly(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
