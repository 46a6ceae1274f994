/** Runs in the browser; see `live.js`. */
export declare function live(): void;
