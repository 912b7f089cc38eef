/** @file Functions of the addon: streams, events, memory and graphs of accelerators. */

export type DeviceFunctions = Record<never, never>;
