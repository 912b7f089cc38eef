/** @file Functions of the addon: calling operators through the boxed dispatcher. */

export interface OperatorFunctions {
  resolve(name: string, overload: string, argumentNames?: readonly string[]): number;
  invoke(operator: number, ...values: unknown[]): unknown;
  invokeVoid(operator: number, ...values: unknown[]): void;
  schemas(): string[];
  returnKinds(operator: number): string;
}
