/** @file Start of the page. */
export {};
