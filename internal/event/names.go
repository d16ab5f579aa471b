package event

// Names lists all events, for those who offer them to people.
func Names() []Name {
	return []Name{
		SuperviseStarted, SuperviseEnded, SuperviseReplacing, SuperviseReplaced, SuperviseStays, SuperviseLost, RemainsSpared, ShutdownBegun, ShutdownHurried,
		ServiceWaiting, ServiceStarting, ServiceStarted, ServiceRunning, ServiceStopping, ServiceStopped, ServiceDone, ServiceFailed,
		ServiceOutput, ProcessExited, ProcessStopped, ProcessContinued, StartFailed, BackoffScheduled, OrphanReaped,
		SignalReceived, SignalSent, SignalDropped, SignalFailed, SignalOutcome, StopEscalated, StopBlocked, StopAbandoned, RunTimedOut,
		ConfigReloading, ConfigReloaded, ConfigRejected, EventsMissed,
		StartTimedOut, HookFailed, MainChanged, HealthLost, HealthRegained, WatchdogMissed, RollEnded, NotifyRefused, ServiceSays, WatchFailed, IdleUnknown, FilesFailed,
		LogBlocked, LogResumed, LogDropped, LogRotated, LogUncompressed,
	}
}
