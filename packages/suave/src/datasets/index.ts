/** @file The door of the room of data sets by name: they are downloaded, checked and unpacked here, read in `data`. */
export { archiveOf, type SetArchive, type SetName, setNames } from './archives.js';
export { type Downloaded, type DownloadRequest, downloadFile } from './download-file.js';
export { type DownloadedSet, downloadSet, type SetRequest } from './download-set.js';
export { unpackFolder } from './unpack.js';
