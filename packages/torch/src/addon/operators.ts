/** @file Functions of the addon: calling operators through the boxed dispatcher. */

export interface OperatorFunctions {
  resolve(name: string, overload: string, argumentNames?: readonly string[]): number;
  /** Memory of lists of handles, which the addon reads and writes from now on. */
  setHandleRing(ring: Float64Array): void;
  invoke(operator: number, ...values: unknown[]): unknown;
  invokeVoid(operator: number, ...values: unknown[]): void;
  schemas(): string[];
  returnKinds(operator: number): string;
}
