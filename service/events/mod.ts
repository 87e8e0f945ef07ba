/** What happens, told as it does: a bounded log in memory, and what fills it. */
export { EventLog, type EventType, eventTypes, type ServiceEvent } from "./event_log.ts";
export { EventRecorder } from "./recorder.ts";
