/** @file The pictures of augmented views that training left in RUN/views, for the page. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ViewSheet } from './report-data.js';

/**
 * Reads the sheets of the stages that have one.
 * @param folder  RUN/views
 * @param stages  names in order
 */
export async function viewSheetsOf(folder: string, stages: readonly string[]): Promise<ViewSheet[]> {
  const sheets: ViewSheet[] = [];
  for (const stage of stages) {
    const picture = join(folder, `${stage}.png`);
    const description = join(folder, `${stage}.json`);
    if (!existsSync(picture) || !existsSync(description)) continue;
    const columns = columnsOf(readFileSync(description, 'utf8'));
    const sheet = await sharp(picture)
      .webp({ quality: 82 })
      .toBuffer({ resolveWithObject: true })
      .catch(() => null); // a picture that is damaged is as good as none
    if (sheet === null || columns === null) continue;
    const { width, height } = sheet.info;
    const src = `data:image/webp;base64,${sheet.data.toString('base64')}`;
    sheets.push({ stage, src, width, height, columns });
  }
  return sheets;
}

function columnsOf(text: string): string[] | null {
  try {
    const { columns } = JSON.parse(text) as { columns?: unknown };
    return Array.isArray(columns) ? columns.map(String) : null;
  } catch {
    return null;
  }
}
