/** @file How Node.js asks an object for its printed form. */

/** `util.inspect.custom`, named without Node.js' types so that users of our declarations need none. */
export const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom');
