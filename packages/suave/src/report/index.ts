/** @file Door of the report: what a run has learned and how far it can be trusted, as data and as a page. */

export type { HeldOut } from '../evaluation/held-out.js';
export { collectReport, type ReportRequest } from './collect.js';
export { renderReport } from './page.js';
export type { ReportData, ReportPart } from './report-data.js';
export { reportNumbers, type WriteReportRequest, type WrittenReport, writeReport } from './write-report.js';
