// The same addresses as in ../layout.ts, which draws the layout.
export const resultAt: usize = 16;
export const wholeTensAt: usize = 64;
export const floatTensAt: usize = 224;
export const powersAt: usize = 512;

export const powerMin: i32 = -342;
export const powerMax: i32 = 308;
