/** One scrape of one target: fetch, parse, encode, hand over. */
export { makeScraper, type ScraperDependencies, type ScrapeResult, type TargetScraper } from "./scraper.ts";
export { ShapeCache } from "./shape_cache.ts";
export type { LiveSeries } from "./staleness.ts";
