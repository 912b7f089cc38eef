/** @file Door of the embeddings: features of images in files, and searching by them. */
export { type EmbedOptions, type EmbedReport, embed, nothingReadable } from './embed.js';
export { type EmbeddedBatch, type EmbedImagesOptions, embedImages, listImages } from './embed-images.js';
export { type SearchMatch, type SearchOptions, type SearchReport, type SearchResult, search } from './search.js';
